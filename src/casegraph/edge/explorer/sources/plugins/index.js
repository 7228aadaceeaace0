/**
 * The panels of the left side bar, in their order; one file a panel.
 *
 * A panel is `{ title, icon, content }`. Its content is rendered inside GraphiQL's provider, so it may use
 * `useGraphiQL` and `useGraphiQLActions` from @graphiql/react. GraphiQL compares panels by identity
 * when it restores the open one: build the list once, never on each render.
 */
import { HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { examplesPlugin } from './examples.jsx';
import { WATERFALL_PLUGIN } from './waterfall.jsx';

export function plugins(settings) {
  const list = [explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN, WATERFALL_PLUGIN];
  return settings.examples.length ? [...list, examplesPlugin(settings.examples)] : list;
}
