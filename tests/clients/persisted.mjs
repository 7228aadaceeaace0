// Automatic persisted queries as real clients send them: `node persisted.mjs URL`.
// Each client asks the same twice, by POST and with GET for hashes. Prints one JSON array with an
// object for each: client, get, the data or error of both answers, and the requests it needed.
import { createHash } from 'node:crypto';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

const url = process.argv[2];
const sha256 = async (text) => createHash('sha256').update(text).digest('hex');

function watched(requests) {
  return async (input, init) => {
    const text = init.method === 'GET' ? new URL(input).searchParams.has('query') : JSON.parse(init.body).query;
    const response = await fetch(input, init);
    requests.push(`${init.method} ${text ? 'text' : 'hash'} ${response.status}`);
    return response;
  };
}

async function apollo(get, requests) {
  const hashes = new PersistedQueryLink({ sha256, useGETForHashedQueries: get });
  const link = hashes.concat(new HttpLink({ uri: url, fetch: watched(requests) }));
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const query = gql(`query Apollo${get ? 'ByGet' : 'ByPost'} { __typename }`);
  const answers = [];
  for (let i = 0; i < 2; i++) {
    const { data, error } = await client.query({ query, fetchPolicy: 'no-cache' });
    answers.push(error ? error.message : data);
  }
  return answers;
}

async function urql(get, requests) {
  const client = new Client({
    url,
    fetch: watched(requests),
    preferGetMethod: get ? 'force' : false,
    exchanges: [
      persistedExchange({ preferGetForPersistedQueries: get, generateHash: sha256 }),
      fetchExchange,
    ],
  });
  const answers = [];
  for (let i = 0; i < 2; i++) {
    const query = `query Urql${get ? 'ByGet' : 'ByPost'} { __typename }`;
    const { data, error } = await client.query(query, {}).toPromise();
    answers.push(error ? error.message : data);
  }
  return answers;
}

const results = [];
for (const client of [apollo, urql]) {
  for (const get of [false, true]) {
    const requests = [];
    results.push({ client: client.name, get, answers: await client(get, requests), requests });
  }
}
console.log(JSON.stringify(results));
