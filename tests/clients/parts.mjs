// An answer in parts as real clients read it: `node parts.mjs CLIENT URL CONTROL VARIABLES [ARTIFACTS]`.
// CONTROL is the sandbox's fault plan: the notes hang from before the query is sent until the client
// has its first data, so a first part that waits for the others never comes. Prints one JSON object:
// seen (the data at each change), plain (the data of the same query without @defer and @stream) and
// what else the client tells.
const [client, url, control, given, artifacts] = process.argv.slice(2);
const variables = JSON.parse(given);
const HANGING = {
  upstreams: {
    action_management: { operations: { case_notes: [{ kind: 'hang', times: 'forever' }] } },
  },
};
const PAGE = (notes, texts, rows) => `query Page($hub: ID!, $case: ID!) {
  case(hubId: $hub, caseId: $case) {
    id
    name
    ... ${notes} { notes { nodes { id createdAt } } }
    ... ${texts} { notes { nodes { id text } } }
  }
  cases(hubId: $hub, first: 4) { nodes ${rows} { id name } }
}`;
const query = PAGE('@defer(label: "times")', '@defer(label: "texts")', '@stream(initialCount: 1)');
const plain = PAGE('', '', '');

async function hang() {
  const body = JSON.stringify(HANGING);
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(control, { method: 'PUT', body, headers });
  if (!response.ok) throw new Error(await response.text());
}

// Collects what is seen; the first time, the notes are let go.
function collector() {
  const seen = [];
  return {
    seen,
    see(data) {
      const text = JSON.stringify(data);
      if (seen.at(-1) === text) return;
      seen.push(text);
      if (seen.length === 1) fetch(control, { method: 'DELETE' });
    },
  };
}

const parsed = (seen) => seen.map((text) => JSON.parse(text));

async function apollo(handler) {
  const { ApolloClient, HttpLink, InMemoryCache, gql } = await import('@apollo/client');
  const { Defer20220824Handler, GraphQL17Alpha9Handler } = await import('@apollo/client/incremental');
  const Handler = { Defer20220824Handler, GraphQL17Alpha9Handler }[handler];
  const types = [];
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    incrementalHandler: new Handler(),
    link: new HttpLink({
      uri: url,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        types.push(response.headers.get('content-type'));
        return response;
      },
    }),
  });
  const { seen, see } = collector();
  await hang();
  const watched = client.watchQuery({ query: gql(query), variables, fetchPolicy: 'no-cache' });
  await new Promise((resolve, reject) => {
    watched.subscribe(({ data, error, dataState }) => {
      if (error) reject(error);
      if (data) see(data);
      if (dataState === 'complete') resolve();
    });
  });
  const { data } = await client.query({ query: gql(plain), variables, fetchPolicy: 'no-cache' });
  return { seen: parsed(seen), plain: data, types };
}

async function urql() {
  const { Client, fetchExchange } = await import('@urql/core');
  const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });
  const { seen, see } = collector();
  await hang();
  await new Promise((resolve, reject) => {
    client.query(query, variables).subscribe(({ data, error, hasNext }) => {
      if (error) reject(error);
      if (data) see(data);
      if (!hasNext) resolve();
    });
  });
  const { data } = await client.query(plain, variables).toPromise();
  return { seen: parsed(seen), plain: data };
}

async function tools() {
  const { buildHTTPExecutor } = await import('@graphql-tools/executor-http');
  const { parse } = await import('graphql');
  const execute = buildHTTPExecutor({ endpoint: url });
  const { seen, see } = collector();
  await hang();
  for await (const { data, errors } of await execute({ document: parse(query), variables })) {
    if (errors) throw new Error(JSON.stringify(errors));
    see(data);
  }
  const { data } = await execute({ document: parse(plain), variables });
  return { seen: parsed(seen), plain: data };
}

// Relay wants a patch for each label and one row at a time, which the older shape has or holds.
function* relayPayloads(part) {
  if (part.data) yield { data: part.data, errors: part.errors };
  for (const { data, items, path, label, errors } of part.incremental ?? []) {
    const [index] = path.slice(-1);
    const at = (offset) => [...path.slice(0, -1), index + offset];
    if (items) yield* items.map((item, offset) => ({ data: item, path: at(offset), label, errors }));
    else yield { data, path, label, errors };
  }
}

async function relay() {
  const { readFile } = await import('node:fs/promises');
  const { meros } = await import('meros/browser');
  const relayed = (await import('relay-runtime')).default;
  const { Environment, Network, Observable, RecordSource, Store } = relayed;
  const { query, times, texts } = JSON.parse(await readFile(artifacts, 'utf8'));
  const headers = { 'content-type': 'application/json', accept: 'multipart/mixed' };
  const labels = [];
  const send = async (params, variables, sink) => {
    const body = JSON.stringify({ query: params.text, variables });
    const parts = await meros(await fetch(url, { method: 'POST', body, headers }));
    for await (const { json, body: part } of parts) {
      if (!json) throw new Error(part);
      const payloads = [...relayPayloads(part)];
      labels.push(...payloads.filter(({ path }) => path).map(({ label }) => label));
      payloads.forEach((payload, index) => {
        const is_final = !part.hasNext && index === payloads.length - 1;
        sink.next({ ...payload, extensions: { is_final } });
      });
    }
    sink.complete();
  };
  const network = Network.create((params, variables) =>
    Observable.create((sink) => {
      send(params, variables, sink).catch((error) => sink.error(error));
    }),
  );
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  const operation = relayed.createOperationDescriptor(query, variables);
  const read = () => {
    const { data } = environment.lookup(operation.fragment);
    const part = (fragment) => {
      const selector = relayed.getSingularSelector(fragment, data.case);
      const { data: found, isMissingData } = environment.lookup(selector);
      return isMissingData ? null : found;
    };
    return { name: data.case.name, rows: data.cases.nodes, times: part(times), texts: part(texts) };
  };
  const { seen, see } = collector();
  await hang();
  await new Promise((resolve, reject) => {
    environment.execute({ operation }).subscribe({
      next: () => see(read()),
      error: reject,
      complete: resolve,
    });
  });
  see(read());
  const body = JSON.stringify({ query: plain, variables });
  const answer = await fetch(url, { method: 'POST', body, headers });
  return { seen: parsed(seen), plain: (await answer.json()).data, labels };
}

const runs = {
  older: () => apollo('Defer20220824Handler'),
  newer: () => apollo('GraphQL17Alpha9Handler'),
};
const clients = {
  apollo: async () => ({ older: await runs.older(), newer: await runs.newer() }),
  urql,
  tools,
  relay,
};
console.log(JSON.stringify(await clients[client]()));
process.exit(0);
