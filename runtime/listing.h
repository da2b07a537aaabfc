// What became of a kernel's lines: CUDA text, PTX and machine code with the lines of the source
// between them.
//
// The three carry the same marks in three spellings (#line, .loc, the comments of nvdisasm -g). A
// listing puts the source's own line where a mark is:
//
//   // gemm.bl:27: acc += s * part
//   mul.rn.f32 %f1, %f2, %f3;
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dsl/source.h"
#include "runtime/result.h"

namespace bitloom::runtime {

std::string cuda_listing(const std::string& text, const dsl::SourceManager& sources);
std::string ptx_listing(const std::string& text, const dsl::SourceManager& sources);
// Of what nvdisasm prints.
std::string sass_listing(const std::string& text, const dsl::SourceManager& sources);

// Where disassemblers are: in PATH, then in bin of CUDA_HOME, CUDA_PATH and /usr/local/cuda.
std::vector<std::string> disassembler_folders();
// nvdisasm or cuobjdump, the first that one of the folders has; or BL0710.
Result<std::string> find_disassembler(const std::vector<std::string>& folders);
// What it prints for an image.
Result<std::string> disassemble(const std::string& program, std::span<const std::byte> cubin);

}  // namespace bitloom::runtime
