// Stands before the capture worklet's script: breaks the audio thread when the page says so. The product knows none of it.
{
  const register = globalThis.registerProcessor;
  globalThis.registerProcessor = (name, Processor) =>
    register(
      name,
      class extends Processor {
        constructor(options) {
          super(options);
          const { onmessage } = this.port;
          this.port.onmessage = (event) => {
            if (event.data?.fault) this.fault = event.data;
            else onmessage.call(this.port, event);
          };
        }

        process(...args) {
          const { fault } = this;
          if (fault?.fault === 'drop') {
            fault.untilS ??= currentTime + fault.ms / 1000;
            if (currentTime < fault.untilS) return true;
          }
          this.fault = undefined;
          if (fault?.fault === 'throw') throw new Error('fault: thrown in the capture worklet');
          if (fault?.fault === 'block') for (const until = Date.now() + fault.ms; Date.now() < until; );
          return super.process(...args);
        }
      },
    );
}
