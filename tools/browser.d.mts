/** The Chromium flags that give WebGPU and fake media to headless tests. */
export const CHROMIUM_FLAGS: readonly string[];
/** The browser to drive: `CHROME`, Playwright's own, or the system's; exits with one line of advice when there is none. */
export function browserPath(): string;
