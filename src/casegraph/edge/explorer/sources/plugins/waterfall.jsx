/**
 * What the last operation did upstream: a bar per call over the operation's own time, the calls
 * that were shared or served from what is kept, and the paths that were chosen with those that were
 * not.
 *
 * Every row is a native disclosure, so it can be reached and opened with the keyboard; colour never
 * says anything that the text does not.
 */
import { useSyncExternalStore } from 'react';
import { lastTrace, subscribe } from '../trace.js';

const UNASKED = new Set(['kept', 'shared']);
const GOOD = new Set(['ok', 'not_found', ...UNASKED]);

function WaterfallIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
      <path d="M4 4v16M7 6.5h6M9 12h9M14 17.5h6" />
    </svg>
  );
}

function milliseconds(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

function kibibytes(value) {
  return value < 1024 ? `${value} B` : `${(value / 1024).toFixed(1)} KiB`;
}

function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

function words(text) {
  return String(text).replaceAll('_', ' ');
}

function said(call) {
  return [
    ['upstream', words(call.upstream)],
    ['path', call.path],
    ['keys', call.keys],
    ['start', milliseconds(call.startMs)],
    ['waited', call.waitedMs > 0 ? milliseconds(call.waitedMs) : null],
    ['duration', milliseconds(call.durationMs)],
    ['attempt', call.attempt || null],
    ['cache', call.cache],
    ['size', call.bytes == null ? null : kibibytes(call.bytes)],
    ['outcome', words(call.outcome)],
  ].filter(([, value]) => value != null);
}

function Bar({ call, total }) {
  const share = value => `${Math.min(100, Math.max(0, (100 * value) / total))}%`;
  const waited = Math.min(call.waitedMs, call.startMs);
  const kind = GOOD.has(call.outcome) ? `casegraph-of-${call.upstream}` : 'casegraph-failed';
  return (
    <span className="casegraph-track" aria-hidden="true">
      {waited > 0 && (
        <span
          className="casegraph-bar casegraph-waited"
          style={{ left: share(call.startMs - waited), width: share(waited) }}
        />
      )}
      <span
        className={`casegraph-bar ${kind} ${UNASKED.has(call.outcome) ? 'casegraph-unasked' : ''}`}
        style={{ left: share(call.startMs), width: share(call.durationMs) }}
      />
    </span>
  );
}

function Note({ call }) {
  if (call.outcome === 'kept') return `${plural(call.keys, 'time')} ${words(call.cache)}`;
  if (call.shared) return 'shared';
  if (!GOOD.has(call.outcome)) return words(call.outcome);
  return call.attempt > 1 ? `attempt ${call.attempt}` : '';
}

function Call({ call, total }) {
  return (
    <li>
      <details>
        <summary>
          <span className="casegraph-what">
            <span className="casegraph-operation">{words(call.operation)}</span>{' '}
            <span className="casegraph-soft">{words(call.upstream)}</span>
          </span>{' '}
          <span className="casegraph-note">
            <Note call={call} />
          </span>{' '}
          <span className="casegraph-time">{milliseconds(call.durationMs)}</span>
          <Bar call={call} total={total} />
        </summary>
        <dl>
          {said(call).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </details>
    </li>
  );
}

function Choice({ choice }) {
  return (
    <li>
      <b>{words(choice.need)}</b> ({plural(choice.keys, 'key')}): {words(choice.path)}
      {choice.rejected.map(({ path, calls, seconds }) => (
        <div key={path} className="casegraph-soft">
          not {words(path)}: {plural(calls, 'call')}, {milliseconds(1000 * seconds)}
        </div>
      ))}
    </li>
  );
}

function summary(name, { calls, durationMs, omitted }) {
  const made = calls.filter(({ attempt, outcome }) => attempt && !outcome.startsWith('refused_')).length;
  const parts = [`${plural(made, 'call')} in ${milliseconds(durationMs)}`];
  const failed = calls.filter(({ outcome }) => !GOOD.has(outcome)).length;
  if (failed) parts.push(`${failed} failed`);
  if (omitted) parts.push(`${plural(omitted, 'row')} left out`);
  return `${name}: ${parts.join(', ')}`;
}

function Drawing({ trace }) {
  const total = Math.max(trace.durationMs, 0.1);
  return (
    <>
      {trace.calls.length > 0 && (
        <ol className="casegraph-calls" aria-label="Calls">
          {trace.calls.map((call, index) => (
            <Call key={index} call={call} total={total} />
          ))}
        </ol>
      )}
      {trace.choices.length > 0 && (
        <>
          <h3>Paths</h3>
          <ul className="casegraph-choices" aria-label="Paths">
            {trace.choices.map((choice, index) => (
              <Choice key={index} choice={choice} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function status(last) {
  if (!last) return 'Run an operation to see the calls it makes.';
  if (!last.trace) return `${last.name}: the answer came without a trace. The gateway's setting CASEGRAPH_TRACE may be off.`;
  return summary(last.name, last.trace);
}

function Waterfall() {
  const last = useSyncExternalStore(subscribe, lastTrace);
  return (
    <section aria-label="Waterfall" className="casegraph-waterfall">
      <div className="casegraph-panel-title">Waterfall</div>
      <p role="status">{status(last)}</p>
      {last?.trace && <Drawing trace={last.trace} />}
    </section>
  );
}

/** One object for all renders, as GraphiQL wants it. */
export const WATERFALL_PLUGIN = { title: 'Waterfall', icon: WaterfallIcon, content: Waterfall };
