// ldmatrix and stmatrix: a warp moves one, two or four matrices of 8 rows of 16 bytes at once.
//
// The register layout is a repetition of the matrix (select_instructions made sure of it): word j
// of a thread belongs to matrix j of its warp. Lane l gives the address of row l % 8 of matrix l /
// 8 of the four that move together.
#include "codegen/cuda/special_access.h"
#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {
namespace {

constexpr std::int64_t kWarp = 32, kRows = 8;

// Where the row that a lane names begins, `together` matrices at once; register g stands for group
// g.
ElementMap rows_of(const layouts::RegisterLayout& layout, std::int64_t together) {
  ElementMap map;
  map.threads = layout.threads();
  map.registers = layout.registers() / 2 / together;
  map.digits = digits_of(map.threads);
  map.element = [layout, together](std::int64_t thread, std::int64_t group) {
    const std::int64_t lane = thread % kWarp;
    const std::int64_t matrix = group * together + lane / kRows % together;
    layouts::Index index = layout.element(thread - lane, 2 * matrix);
    index[index.size() - 2] += lane % kRows;
    return index;
  };
  return map;
}

// The most matrices that move together.
std::int64_t matrices_together(const layouts::RegisterLayout& layout, ElementMap& map) {
  for (std::int64_t together : {4, 2}) {
    if (layout.registers() / 2 % together != 0) continue;
    map = rows_of(layout, together);
    if (map.is_sum()) return together;
  }
  map = rows_of(layout, 1);
  return map.is_sum() ? 1 : 0;
}

bool transposed(const vm::Instruction& op) {
  return op.word("form").ends_with("_trans");
}

}  // namespace

void load_matrices(const vm::LoadOp& op, KernelWriter& out) {
  ElementMap map;
  const std::int64_t together = matrices_together(*out.type(op.d()).layout, map);
  if (together == 0) return out.fail(*op, "the matrices of a warp lie in no regular order");
  WindowAccess access(out, out.view(op.source()), map, {});
  access.begin();
  access.record_rows();
  const Register d = out.define(op.d());
  const std::string name =
      out.prelude().use(fmt::format("ldmatrix{}_x{}", transposed(*op) ? "_trans" : "", together));
  for (std::int64_t group = 0; group < map.registers; ++group) {
    const std::string address = access.address(group);
    if (together == 1) {
      out.line("{} = {}({});", d.word(group), name, address);
      continue;
    }
    std::vector<std::string> arguments;
    for (std::int64_t i = 0; i < together; ++i) arguments.push_back(d.word(group * together + i));
    arguments.push_back(address);
    out.line("{};", KernelWriter::invoke(name, arguments));
  }
}

void store_matrices(const vm::StoreOp& op, KernelWriter& out) {
  const layouts::RegisterLayout& layout = *out.type(op.x()).layout;
  ElementMap map;
  const std::int64_t together = matrices_together(layout, map);
  if (together == 0) return out.fail(*op, "the matrices of a warp lie in no regular order");
  WindowAccess access(out, out.view(op.target()), map, {});
  access.begin();
  access.record_rows();
  const Register& x = out.reg(op.x());
  const std::string name =
      out.prelude().use(fmt::format("stmatrix{}_x{}", transposed(*op) ? "_trans" : "", together));
  for (std::int64_t group = 0; group < map.registers; ++group) {
    std::vector<std::string> arguments{access.address(group)};
    for (std::int64_t i = 0; i < together; ++i) arguments.push_back(x.word(group * together + i));
    out.line("{};", KernelWriter::invoke(name, arguments));
  }
}

}  // namespace bitloom::codegen
