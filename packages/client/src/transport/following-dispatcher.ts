import { Agent, type Dispatcher } from 'undici';
import type { Line } from './transport.js';

/** Sends each request over the newest line, and holds that until the answer is whole. */
export function followingDispatcher(acquire: () => Promise<Line>): Dispatcher {
  // The agent has no connection of its own: it lends its methods, and makes every handler one of the present kind.
  return new Agent().compose(() => (options, handler) => {
    void acquire().then(
      (line) => line.dispatcher.dispatch(options, releasing(handler, line)),
      (error: Error) => handler.onResponseError?.(notStarted, error),
    );
    return true;
  });
}

function releasing(handler: Dispatcher.DispatchHandler, line: Line): Dispatcher.DispatchHandler {
  return {
    onRequestStart: (...facts) => handler.onRequestStart?.(...facts),
    onResponseStart: (...facts) => handler.onResponseStart?.(...facts),
    onResponseData: (...facts) => handler.onResponseData?.(...facts),
    onRequestUpgrade(...facts) {
      line.release();
      handler.onRequestUpgrade?.(...facts);
    },
    onResponseEnd(...facts) {
      line.release();
      handler.onResponseEnd?.(...facts);
    },
    onResponseError(...facts) {
      line.release();
      handler.onResponseError?.(...facts);
    },
  };
}

/** There is nothing to stop in a request that was not sent. */
const notStarted: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  abort: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};
