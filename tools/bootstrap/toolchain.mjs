/** Checks the system tools that cannot be installed by npm, and says in one line what to install. */
import { spawnSync } from 'node:child_process';

const NODE_MIN = [20, 20];
const CMAKE_MIN = [3, 22];

/** @param {string} command @param {string[]} args @returns {string | null} its output, or null */
function output(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout : null;
}

/** @param {string} text @returns {number[]} the first dotted number in it */
function versionIn(text) {
  return (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
}

/** @param {number[]} found @param {number[]} least */
function atLeast(found, least) {
  const [major = 0, minor = 0] = found;
  const [leastMajor = 0, leastMinor = 0] = least;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

export function hasNinja() {
  return output('ninja', ['--version']) !== null;
}

/** Throws an Error whose message is the one line to show. */
export function checkNvcc() {
  if (output('nvcc', ['--version']) === null) {
    throw new Error(
      'nvcc 12.4 or newer is needed to build the CUDA library (not found): install the CUDA toolkit; ' +
        'without it Etap runs on the CPU',
    );
  }
}

/** Throws an Error whose message is the one line to show. */
export function checkToolchain() {
  if (!atLeast(versionIn(process.version), NODE_MIN)) {
    throw new Error(
      `Node.js ${process.version} is too old: install ${NODE_MIN.join('.')} or newer`,
    );
  }
  const cmake = output('cmake', ['--version']);
  if (cmake === null || !atLeast(versionIn(cmake), CMAKE_MIN)) {
    const found = cmake === null ? 'not found' : versionIn(cmake).join('.');
    throw new Error(
      `cmake ${CMAKE_MIN.join('.')} or newer is needed to build the engine (${found}): ` +
        'install it, for example with `apt install cmake`',
    );
  }
  const compiler = process.env.CXX ?? 'c++';
  if (output(compiler, ['--version']) === null) {
    throw new Error(
      `a C++20 compiler is needed to build the engine ('${compiler}' not found): ` +
        'install one, for example with `apt install g++`',
    );
  }
  if (!hasNinja() && output('make', ['--version']) === null) {
    throw new Error('make or ninja is needed to build the engine: try `apt install ninja-build`');
  }
}
