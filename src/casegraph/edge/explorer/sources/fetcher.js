/**
 * How operations are sent: POST of application/json, answers whole or incremental (multipart).
 *
 * GraphiQL reads an editor's operations a moment after its text changed, so an operation started
 * right after a tab was opened would carry the name from the tab before. Hence the second look.
 *
 * Each operation asks for its trace, which goes to the waterfall and not into the answer shown: a
 * person who wants to read it there says so in the headers editor.
 */
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';
import { TRACE_HEADER, answered } from './trace.js';

const INTROSPECTION = 'IntrospectionQuery'; // GraphiQL's own, for its editors

function operationNames(query) {
  try {
    const { definitions } = parse(query, { noLocation: true });
    return definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).map(({ name }) => name?.value);
  } catch {
    return null; // the server will say what is wrong with it
  }
}

function currentName({ query, operationName }) {
  const names = operationNames(query);
  if (!names || names.includes(operationName) || names.length !== 1) return operationName;
  return names[0];
}

function saysTrace(headers) {
  return Object.keys(headers ?? {}).some(name => name.toLowerCase() === TRACE_HEADER);
}

function withoutTrace(answer) {
  if (!answer.extensions?.trace) return answer;
  const { trace, ...extensions } = answer.extensions;
  const { extensions: _, ...shown } = answer;
  return Object.keys(extensions).length ? { ...shown, extensions } : shown;
}

async function* watched(answers, name, isKept) {
  for await (const answer of answers) {
    // Of an answer in parts several may come at once; what is told of all of it is in the last.
    const parts = [answer].flat();
    if (!parts.at(-1)?.hasNext) answered(name, parts.at(-1));
    if (isKept) yield answer;
    else yield Array.isArray(answer) ? answer.map(withoutTrace) : withoutTrace(answer);
  }
}

export function createFetcher(url) {
  const plain = createGraphiQLFetcher({ url });
  const traced = createGraphiQLFetcher({ url, headers: { [TRACE_HEADER]: '1' } });
  return async (params, options) => {
    const operationName = currentName(params);
    const request = { ...params, operationName };
    if (operationName === INTROSPECTION) return plain(request, options);
    const isKept = saysTrace(options?.headers);
    return watched(await (isKept ? plain : traced)(request, options), operationName, isKept);
  };
}
