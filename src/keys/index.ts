/** Door of the keys: who may ask, for what, and how much of it. */
export { Account, duration } from './account.ts';
export { type ApiKey, KEY_NAME, type KeyScope, plainKey } from './api-key.ts';
export { type Caller, KeyRing, readApiKeys } from './key-ring.ts';
export { newKey } from './new-key.ts';
