/**
 * The explorer: GraphiQL over one endpoint of the same origin.
 *
 * Its settings come in a JSON script tag, so that the page needs no inline script:
 * `{ title, endpoint, examples: [{ name, query, variables }] }`.
 */
import './environment.js';
import { createRoot } from 'react-dom/client';
import { GraphiQL } from 'graphiql';
import { createFetcher } from './fetcher.js';
import { plugins } from './plugins/index.js';
import { remembered, settle, storage } from './storage.js';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './explorer.css';

const settings = JSON.parse(document.getElementById('settings').textContent);

// GraphiQL fills the first editors from its "initial" values alone: given only tabs, the first tab
// would open without its variables. With remembered tabs they must stay unset, or they add a tab.
function firstVisit([first]) {
  if (!first || remembered('tabState')) return {};
  return { initialQuery: first.query, initialVariables: first.variables };
}

function tabs(examples) {
  const list = examples.map(({ query, variables }) => ({ query, variables }));
  return list.length ? { defaultTabs: list } : {};
}

settle();
const panels = plugins(settings);
const fetcher = createFetcher(settings.endpoint);

createRoot(document.getElementById('explorer')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={panels}
    storage={storage}
    defaultQuery=""
    defaultEditorToolsVisibility
    isHeadersEditorEnabled
    inputValueDeprecation
    schemaDescription
    shouldPersistHeaders={remembered('shouldPersistHeaders') === 'true'}
    showPersistHeadersSettings
    {...tabs(settings.examples)}
    {...firstVisit(settings.examples)}
  >
    <GraphiQL.Logo>
      <span className="casegraph-logo">{settings.title}</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
