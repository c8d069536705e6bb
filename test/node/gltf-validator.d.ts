declare module 'gltf-validator' {
  /** Severity 0 is an error, 1 a warning, 2 information, 3 a hint. */
  export type Message = { code: string; message: string; severity: number; pointer?: string };
  const validator: {
    validateBytes(
      bytes: Uint8Array,
      options?: { ignoredIssues?: string[] },
    ): Promise<{ issues: { numErrors: number; numWarnings: number; messages: Message[] } }>;
  };
  export default validator;
}
