// A change, the conflict that it makes for somebody else, and the way out of it, over the generated
// client: `node changes.js URL WISHES`. Prints one JSON array with the payload of each step.
import { asked, type Client } from './ask.js';
import { ChangeCaseDocument, WriteEndFragmentDoc, type UpdateCaseInput, type WriteOutcome } from './client/graphql.js';
import { unmask } from './client/index.js';

interface Wishes {
  readonly hubId: string;
  readonly caseId: string;
  readonly version: string;
}

interface Step {
  readonly outcome: WriteOutcome;
  readonly version: string | null;
  readonly told: string;
  readonly codes: readonly string[];
}

async function change(client: Client, input: UpdateCaseInput): Promise<Step> {
  const { updateCase: payload } = await client.ask(ChangeCaseDocument, { input });
  const end = unmask(WriteEndFragmentDoc, payload);
  const { conflict } = payload;
  const differences = conflict?.fields ?? [];
  return {
    outcome: end.outcome,
    version: payload.case?.version ?? conflict?.current?.version ?? null,
    told: [
      ...payload.changes.map((each) => `${each.field}: ${JSON.stringify(each.before)} -> ${JSON.stringify(each.after)}`),
      ...differences.map((each) => `${each.field} is ${JSON.stringify(each.actual)}`),
    ].join(', '),
    codes: end.userErrors.map((error) => error.code),
  };
}

const [client, { version, ...key }] = asked<Wishes>();
const first = await change(client, { ...key, cost: 25, expectedVersion: version });
const second = await change(client, { ...key, name: 'Renamed', expectedVersion: version });
const again = await change(client, { ...key, name: 'Renamed', expectedVersion: second.version });
const wrong = await change(client, { ...key, name: null });
console.log(JSON.stringify([first, second, again, wrong]));
