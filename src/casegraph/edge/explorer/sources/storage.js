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
