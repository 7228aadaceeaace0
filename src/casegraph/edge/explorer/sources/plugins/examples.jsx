/**
 * Every example the gateway offers, also after its tab was closed or the gateway was updated:
 * the tabs a browser remembers win over the ones the page brings.
 */
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M5 4.5A1.5 1.5 0 0 1 6.5 3H19v15H6.5A1.5 1.5 0 0 0 5 19.5v-15Z" />
      <path d="M5 19.5A1.5 1.5 0 0 0 6.5 21H19v-3M9 7.5h6M9 11h4" strokeLinecap="round" />
    </svg>
  );
}

function Examples({ examples }) {
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL(state => state.queryEditor);
  const variableEditor = useGraphiQL(state => state.variableEditor);

  const open = example => {
    addTab();
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(example.variables);
  };

  return (
    <section aria-label="Examples" className="casegraph-examples">
      <div className="casegraph-examples-title">Examples</div>
      <ul>
        {examples.map(example => (
          <li key={example.name}>
            <button type="button" className="graphiql-un-styled" onClick={() => open(example)}>
              {example.name}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function examplesPlugin(examples) {
  return { title: 'Examples', icon: ExamplesIcon, content: () => <Examples examples={examples} /> };
}
