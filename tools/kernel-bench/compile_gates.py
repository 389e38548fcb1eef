#!/usr/bin/env python3
"""Gates on the compiled decode kernels that need nvcc but no GPU.

Compiles every file of native/backend/cuda/etap/instantiations and checks, for each kernel in it:
no register spills; no ptxas message C75xx (wgmma serialised, setmaxnreg ignored: ptxas calls them
"info"); 68 wgmma in PTX and in machine code, that is 36 for S^T and 32 for O^T per tile of 64 keys
with nothing duplicated; the right N; a proxy fence between the stored P^T and the products that read
it; the copy engine for all loads; one CTA's registers.
Usage: compile_gates.py [--nvcc PATH]
"""

import argparse
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTANTIATIONS = ROOT / "native/backend/cuda/etap/instantiations"
TARGET = "-gencode=arch=compute_90a,code=sm_90a"
WGMMA_SCORES = 36
WGMMA_OUTPUT = 32
# Low 12 bits of a 16-byte instruction: HGMMA with both operands in shared memory, or A in registers.
HGMMA_SHARED = 0x9F0
HGMMA_REGISTER = 0xDF0


def compile_file(nvcc: str, source: pathlib.Path, folder: pathlib.Path) -> tuple[str, str, bytes]:
    """Returns the PTX, the log of ptxas and the cubin."""
    cubin = folder / (source.stem + ".cubin")
    command = [nvcc, "-std=c++20", "-O3", TARGET, "-Xptxas=-v", f"-I{ROOT / 'native'}", "--keep",
               f"--keep-dir={folder}", "-cubin", "-o", str(cubin), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{source.name}: nvcc failed\n{done.stdout}{done.stderr}")
    return (folder / (source.stem + ".ptx")).read_text(), done.stdout + done.stderr, cubin.read_bytes()


def text_sections(cubin: bytes) -> dict[str, bytes]:
    """The machine code of each kernel, by mangled name (64-bit little-endian ELF)."""
    section_offset, = struct.unpack_from("<Q", cubin, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, section_offset + i * entry_size)
               for i in range(count)]
    names = headers[names_index][4]
    sections = {}
    for name_offset, _, _, _, offset, size in headers:
        end = cubin.index(b"\0", names + name_offset)
        name = cubin[names + name_offset:end].decode()
        if name.startswith(".text."):
            sections[name.removeprefix(".text.")] = cubin[offset:offset + size]
    return sections


def count_hgmma(code: bytes) -> int:
    opcodes = (struct.unpack_from("<I", code, at)[0] & 0xFFF for at in range(0, len(code), 16))
    return sum(opcode in (HGMMA_SHARED, HGMMA_REGISTER) for opcode in opcodes)


def ptx_functions(ptx: str) -> dict[str, str]:
    parts = re.split(r"\.entry\s+(\w+)\(", ptx)
    return dict(zip(parts[1::2], parts[2::2]))


def check_kernel(body: str, code: bytes, rows: int) -> list[str]:
    problems = []
    shapes = re.findall(r"wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k16", body)
    if len(shapes) != WGMMA_SCORES + WGMMA_OUTPUT:
        problems.append(f"{len(shapes)} wgmma in PTX, not {WGMMA_SCORES + WGMMA_OUTPUT}")
    if set(shapes) != {str(rows)}:
        problems.append(f"wgmma shapes {sorted(set(shapes))}, not only n{rows}")
    if count_hgmma(code) != len(shapes):
        problems.append(f"{count_hgmma(code)} HGMMA in machine code, {len(shapes)} wgmma in PTX")
    first_store = body.find("stmatrix")
    fence = body.find("fence.proxy.async", first_store)
    first_output = body.find("wgmma.mma_async", first_store)
    if not 0 <= first_store < fence < first_output:
        problems.append("no fence.proxy.async between the stores of P^T and the products")
    if "cp.async.cg" in body or "cp.async.ca" in body:
        problems.append("loads that bypass the copy engine")
    if "setmaxnreg.inc" not in body:
        problems.append("no register reallocation")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("build", nargs="?", help="ignored; accepted so that build scripts can name it")
    parser.add_argument("--nvcc", default="nvcc")
    nvcc = parser.parse_args().nvcc
    failures = 0
    for source in sorted(INSTANTIATIONS.glob("*.cu"), key=lambda path: path.name):
        rows = int(re.match(r"rows(\d+)", source.stem).group(1))
        with tempfile.TemporaryDirectory() as folder:
            ptx, log, cubin = compile_file(nvcc, source, pathlib.Path(folder))
        problems = [f"ptxas says C{code}" for code in sorted(set(re.findall(r"\bC(75\d\d)\b", log)))]
        spills = [line.strip() for line in log.splitlines()
                  if "spill" in line and "0 bytes spill stores, 0 bytes spill loads" not in line]
        problems += spills
        sections = text_sections(cubin)
        kernels = ptx_functions(ptx)
        if len(kernels) != 2:
            problems.append(f"{len(kernels)} kernels, not one each for bf16 and fp16")
        for name, body in kernels.items():
            problems += check_kernel(body, sections.get(name, b""), rows)
        print(f"{'ok  ' if not problems else 'FAIL'} {source.stem}: {len(kernels)} kernels")
        for problem in problems:
            print(f"     {problem}")
        failures += bool(problems)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
