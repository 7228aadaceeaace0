/**
 * What the explorer remembers in the browser: tabs, history, sizes, theme.
 *
 * Kept under a prefix of our own, because every GraphiQL served from localhost writes the same keys
 * and would show its tabs here. Falls back to nothing where the browser forbids storage.
 */
const PREFIX = 'casegraph/';

function ownKeys() {
  return Object.keys(localStorage).filter(key => key.startsWith(PREFIX));
}

const prefixed = {
  getItem: key => localStorage.getItem(PREFIX + key),
  setItem: (key, value) => localStorage.setItem(PREFIX + key, value),
  removeItem: key => localStorage.removeItem(PREFIX + key),
  clear: () => ownKeys().forEach(key => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};

function usable() {
  try {
    localStorage.setItem(`${PREFIX}probe`, '1');
    localStorage.removeItem(`${PREFIX}probe`);
    return true;
  } catch {
    return false;
  }
}

/** A Storage for GraphiQL; null makes GraphiQL keep everything in memory. */
export const storage = usable() ? prefixed : null;

/** What GraphiQL stored under a name, or null. */
export function remembered(name) {
  return storage?.getItem(`graphiql:${name}`) ?? null;
}

/**
 * Make the remembered editors those of the remembered tab.
 *
 * GraphiQL stores the two apart and at different moments. After a page that was closed in between
 * it would take the editors for a new operation and open a tab more at each such visit.
 */
export function settle() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(remembered('tabState') ?? '{}');
    const open = tabs?.[activeTabIndex];
    if (!open) return;
    for (const name of ['query', 'variables', 'headers']) {
      if (open[name]) storage.setItem(`graphiql:${name}`, open[name]);
      else storage.removeItem(`graphiql:${name}`);
    }
  } catch {
    // Tabs that cannot be read are GraphiQL's to replace.
  }
}
