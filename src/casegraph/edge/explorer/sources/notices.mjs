/**
 * The licences of everything that went into the bundle, as one text.
 *
 * Taken from the packages esbuild really read, so a new dependency cannot be forgotten; a package
 * without a licence text is named with the licence its package.json declares.
 */
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

const RULE = '\n\n' + '-'.repeat(80) + '\n\n';

// The fonts come inside GraphiQL's style sheet, away from their own notices.
const FONTS = `Fonts

Roboto: Copyright 2011 The Roboto Project Authors. SIL Open Font License 1.1 or Apache License 2.0.
Fira Code: Copyright 2014-2020 The Fira Code Project Authors. SIL Open Font License 1.1.
Codicon: Copyright Microsoft Corporation. Creative Commons Attribution 4.0 International.

The SIL Open Font License is at https://openfontlicense.org, the Apache License at
https://www.apache.org/licenses/LICENSE-2.0, the Creative Commons licence at
https://creativecommons.org/licenses/by/4.0/.`;

function packageFolders(inputs) {
  const found = new Set();
  for (const input of inputs) {
    const match = /^(?:.*[\\/])?node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(input);
    if (match) found.add(match[0]);
  }
  return [...found].sort();
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const names = await readdir(folder);
  const texts = names.filter(file => /^(licen[cs]e|notice|thirdpartynotices)/i.test(file)).sort();
  const bodies = await Promise.all(texts.map(file => readFile(path.join(folder, file), 'utf8')));
  return [`${name} ${version} (${license ?? 'see below'})`, ...bodies.map(body => body.trim())].join('\n\n');
}

export async function notices(inputs, legalComments) {
  const packages = await Promise.all(packageFolders(inputs).map(notice));
  return [FONTS, ...packages, ...legalComments].join(RULE) + '\n';
}
