// The smallest client over the generated documents: one POST, typed by its document.
// `trusted` sends a document's id in place of its text. Any error is thrown: no test here wants one.
import type { TypedDocumentString } from './client/graphql.js';

interface Answer<Data> {
  readonly data?: Data;
  readonly errors?: readonly { readonly message: string }[];
}

export class Client {
  constructor(
    private readonly url: string,
    private readonly trusted = false,
  ) {}

  async ask<Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: NoInfer<Variables>): Promise<Data> {
    const named = this.trusted ? { documentId: document.__meta__?.['hash'] } : { query: document.toString() };
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ ...named, variables }),
    });
    const answer = (await response.json()) as Answer<Data>;
    if (answer.data === undefined || answer.errors !== undefined) {
      throw new Error(`${response.status} ${JSON.stringify(answer.errors)}`);
    }
    return answer.data;
  }
}

declare const process: { readonly argv: readonly string[] };

/** Return the first argument as a client, and the second as JSON. */
export function asked<Wishes>(): [Client, Wishes] {
  const [, , url, wishes, trusted] = process.argv;
  if (url === undefined || wishes === undefined) throw new Error('URL and JSON expected');
  return [new Client(url, trusted === 'trusted'), JSON.parse(wishes) as Wishes];
}
