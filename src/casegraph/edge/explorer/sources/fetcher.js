/**
 * How operations are sent: POST of application/json, answers whole or incremental (multipart).
 *
 * GraphiQL reads an editor's operations a moment after its text changed, so an operation started
 * right after a tab was opened would carry the name from the tab before. Hence the second look.
 */
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';

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

export function createFetcher(url) {
  const send = createGraphiQLFetcher({ url });
  return (params, options) => send({ ...params, operationName: currentName(params) }, options);
}
