/** Formats of strings as patterns of their own: at most what RFC 3339 and the like allow, never more. */

const DAY = '(0[1-9]|1\\d|2[0-8])';
const LEAP_YEAR = '(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)';
const DATE =
  `(\\d{4}-(0[1-9]|1[0-2])-${DAY}|\\d{4}-(0[13-9]|1[0-2])-(29|30)|` +
  `\\d{4}-(0[13578]|1[02])-31|${LEAP_YEAR}-02-29)`;
const TIME = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?';
const ZONE = '(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)';

const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,60}[A-Za-z0-9])?';
const BYTE = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const GROUP = '[0-9a-fA-F]{1,4}';
const HEX = '[0-9a-fA-F]';

/** Every place at which `::` may stand, and the address written in full. */
const IPV6 = [
  `(${GROUP}:){7}${GROUP}`,
  `::(${GROUP}:){0,5}${GROUP}`,
  '::',
  ...[1, 2, 3, 4, 5, 6].map((before) => `(${GROUP}:){${before}}(:${GROUP}){1,${7 - before}}`),
  `(${GROUP}:){1,7}:`,
].join('|');

const HOST = `${LABEL}(\\.${LABEL}){0,3}`;
const PATH = `[A-Za-z0-9._~!$&'()*+,;=:@/-]|%${HEX}{2}`;

export const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: `${TIME}${ZONE}`,
  'date-time': `${DATE}T${TIME}${ZONE}`,
  duration:
    'P(\\d+W|\\d+D|\\d+Y(\\d+M(\\d+D)?)?|\\d+M(\\d+D)?|' +
    '(\\d+D|\\d+Y(\\d+M(\\d+D)?)?|\\d+M(\\d+D)?)?T(\\d+H(\\d+M(\\d+S)?)?|\\d+M(\\d+S)?|\\d+S))',
  email: `[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+){0,8}@${LABEL}(\\.${LABEL}){1,3}`,
  hostname: HOST,
  ipv4: `${BYTE}(\\.${BYTE}){3}`,
  ipv6: IPV6,
  uri: `[a-z][a-z0-9+.-]*://${HOST}(:[1-9]\\d{0,3})?(/(${PATH})*)?(\\?(${PATH}|\\?)*)?(#(${PATH}|\\?)*)?`,
  uuid: `${HEX}{8}-${HEX}{4}-${HEX}{4}-${HEX}{4}-${HEX}{12}`,
};

/** Formats of numbers, as OpenAPI has them: bounds of the type, or nothing more. */
export const NUMBER_FORMATS: Readonly<Record<string, readonly [number, number] | null>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: null,
  float: null,
  double: null,
};
