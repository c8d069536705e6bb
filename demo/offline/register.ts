/**
 * Lets the page open without a network from the second visit on, where the browser can; `vite` alone, without a build, has
 * no such files to keep.
 */
export async function keepPage(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  // Without it everything works as before, only not without a network.
  const script = '../sw.js'; // it stands beside the folder of what is built
  await navigator.serviceWorker.register(new URL(script, import.meta.url)).catch(() => undefined);
}
