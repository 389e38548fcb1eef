/** A setting that is JSON: says at once when it does not parse, and has an example to start from. */
import { LongText } from './fields.tsx';
import { jsonProblem } from './request-body.ts';

type Props = {
  readonly field: string;
  readonly label: string;
  readonly value: string;
  readonly example: unknown;
  readonly onInput: (value: string) => void;
};

export function JsonTab({ field, label, value, example, onInput }: Props) {
  return (
    <>
      <LongText
        label={label}
        rows={14}
        value={value}
        problem={jsonProblem(field, value)}
        onInput={onInput}
      />
      <div class="row">
        <button type="button" onClick={() => onInput(JSON.stringify(example, null, 2))}>
          Insert an example
        </button>
        {value !== '' && (
          <button type="button" class="quiet" onClick={() => onInput('')}>
            Clear
          </button>
        )}
      </div>
    </>
  );
}

export const TOOLS_EXAMPLE = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a city now.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
      },
    },
  },
];

export const SCHEMA_EXAMPLE = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
