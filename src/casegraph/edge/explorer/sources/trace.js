/**
 * The trace of the last operation, from the fetcher that receives it to the panel that draws it.
 *
 * A value outside React, because the fetcher is made before anything is rendered. What a gateway
 * sends is only taken in the one version that is known here; everything else counts as no trace.
 */
export const TRACE_HEADER = 'x-casegraph-trace';
const VERSION = 1;

let last = null; // { name, trace }; trace is null for an answer that had none
const listeners = new Set();

export function answered(name, answer) {
  const trace = answer?.extensions?.trace;
  const isKnown = trace?.version === VERSION && Array.isArray(trace.calls) && Array.isArray(trace.choices);
  last = { name: name ?? 'The operation', trace: isKnown ? trace : null };
  for (const listener of listeners) listener();
}

/** For React's useSyncExternalStore. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function lastTrace() {
  return last;
}
