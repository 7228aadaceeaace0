/**
 * Starts GraphiQL from the modules the page's import map names; the plain counterpart of
 * sources/explorer.jsx, for installations without a built explorer.
 */
import 'graphiql/setup-workers/esm.sh';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { explorerPlugin } from '@graphiql/plugin-explorer';

const settings = JSON.parse(document.getElementById('settings').textContent);
const tabs = settings.examples.map(({ query, variables }) => ({ query, variables }));
const root = document.getElementById('explorer');
root.style.height = '100vh';
document.body.style.margin = '0';

createRoot(root).render(
  createElement(
    GraphiQL,
    {
      fetcher: createGraphiQLFetcher({ url: settings.endpoint }),
      plugins: [explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN],
      defaultEditorToolsVisibility: true,
      defaultQuery: '',
      ...(tabs.length ? { defaultTabs: tabs } : {}),
    },
    createElement(GraphiQL.Logo, null, settings.title),
  ),
);
