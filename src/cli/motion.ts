import { EngineError } from '../errors.ts';
import { runMotion } from './run.ts';

const words = (error: unknown) => {
  if (!(error instanceof EngineError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `motion: ${error.message.replace(/[.?]$/, '')}${error.hint ? `. ${error.hint}` : ''}`.replaceAll(
    /\s+/g,
    ' ',
  );
};

try {
  await runMotion(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`${words(error)}\n`);
  process.exitCode = 1;
}
