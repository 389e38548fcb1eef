/** What a newcomer sees first: what this is, and something to click on. */
const SUGGESTIONS = [
  'What is 17 + 25?',
  'Reverse the word etap.',
  'What can you do?',
  'Give me a JSON object with name Ada and age 36.',
] as const;

type Props = { readonly model: string | null; readonly onChoose: (text: string) => void };

export function Welcome({ model, onChoose }: Props) {
  return (
    <div class="welcome">
      <h1>Talk to {model ?? 'the model'}</h1>
      <p>
        Everything here goes through the same OpenAI API that your programs use.{' '}
        {model === 'demo' &&
          'The bundled demo model is a toy: it adds, looks up, repeats, reverses and answers as JSON. '}
        The <a href="#/live">live page</a> shows what the engine does meanwhile.
      </p>
      <ul>
        {SUGGESTIONS.map((text) => (
          <li key={text}>
            <button type="button" onClick={() => onChoose(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
