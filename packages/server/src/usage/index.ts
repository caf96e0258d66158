export { checkQuiet, type StillUsed } from './check-quiet.js';
export { decidePause, describePause, type PauseResult } from './decide-pause.js';
export { decideRetirement } from './decide-retirement.js';
export { createUsageRecorder, type UsageRecorder, type Use } from './record-usage.js';
export { listUses, summariseUses, type UsesOfCredential } from './usage-store.js';
export { usesKnownSince, writeUsesIfPossible } from './uses-known-since.js';
