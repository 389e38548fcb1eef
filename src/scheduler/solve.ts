/** Solves A x = b for a small symmetric positive definite A, by Cholesky factors computed in place. */
export function solveSymmetric(system: {
  readonly matrix: Float64Array; // [n, n] row-major, overwritten
  readonly right: Float64Array; // [n] overwritten with the solution
}): Float64Array {
  const { matrix, right } = system;
  const n = right.length;
  const at = (row: number, column: number) => matrix[row * n + column] as number;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = at(row, column);
      for (let k = 0; k < column; k++) sum -= at(row, k) * at(column, k);
      matrix[row * n + column] = row === column ? Math.sqrt(sum) : sum / at(column, column);
    }
  }
  for (let row = 0; row < n; row++) {
    let sum = right[row] as number;
    for (let k = 0; k < row; k++) sum -= at(row, k) * (right[k] as number);
    right[row] = sum / at(row, row);
  }
  for (let row = n - 1; row >= 0; row--) {
    let sum = right[row] as number;
    for (let k = row + 1; k < n; k++) sum -= at(k, row) * (right[k] as number);
    right[row] = sum / at(row, row);
  }
  return right;
}
