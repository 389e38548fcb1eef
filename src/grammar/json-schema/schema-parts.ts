/** What the builders of arrays and objects need of the compiler that calls them. */
import type { Expression, RuleSet } from '../expression.ts';
import type { JsonRules } from '../json.ts';
import type { Conjunction, SchemaSource } from './conjunction.ts';

export type SchemaParts = {
  readonly rules: RuleSet;
  readonly json: JsonRules;
  readonly source: SchemaSource;
  /** The values that all schemas of a list allow. */
  value(conjunction: Conjunction): Expression;
};
