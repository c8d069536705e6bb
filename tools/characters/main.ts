// Writes both default characters to public/models: `npm run characters`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { buildCharacter } from './build.ts';
import { people } from './people.ts';

const folder = new URL('../../public/models/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const person of people) {
  const { bytes, triangles } = buildCharacter(person);
  writeFileSync(new URL(`${person.name}.vrm`, folder), bytes);
  console.log(`${person.name}.vrm: ${(bytes.length / 1e6).toFixed(2)} MB, ${triangles} triangles`);
}
