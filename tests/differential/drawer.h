// How programs are drawn: what draw.cpp (heads, rows of the table, outputs), draw_steps.cpp
// (control and products) and draw_memory.cpp (accesses, roles) share. Only these three include it.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "tests/differential/draw.h"
#include "tests/differential/values.h"
#include "vm/builder.h"
#include "vm/verify.h"

namespace bitloom::test {

using vm::ElementType;
using vm::Opcode;
using vm::Shape;
using vm::ValueId;

// Rows of such a tile are not whole bytes.
inline bool shares_bytes(const vm::Type& tile) {
  return tile.element.bits < 8 && (tile.is_scalar() || tile.shape.back() % 8 != 0);
}

inline bool is_approximate(Opcode opcode) {
  return vm::info(opcode).name.ends_with("Approx");
}

// The rows of the table that compute on register tiles, and so are tried with any values.
const std::vector<const vm::InstructionInfo*>& drawn_rows();

class Drawer {
 public:
  Drawer(std::uint64_t seed, const DrawOptions& options)
      : options_(options), random_(seed), b_(program_.function) {
    program_.seed = seed;
  }
  TestProgram draw();

 private:
  // ---- Chance ----
  std::int64_t number(std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  template <class List>
  auto pick(const List& list) {
    return *(std::begin(list) + number(0, static_cast<std::int64_t>(std::size(list)) - 1));
  }

  const vm::Type& type(ValueId id) const { return program_.function.type(id); }
  vm::Type tile_type(ElementType element, Shape shape) {
    return vm::register_type(element, std::move(shape));
  }

  void head();
  ValueId parameter(ElementType element, std::vector<layouts::SizeExpr> extents, Shape known,
                    bool output, const Fill& fill);
  ValueId window(ValueId memory, std::vector<ValueId> offsets, const Shape& extents, Shape keep);
  ValueId load_input(ElementType element, const Fill& fill);
  ValueId tile_window(ElementType element, const Fill& fill);
  ValueId load_shared_input(ElementType element, const Shape& shape, Fill fill);
  // Whole numbers from -4 to 4.
  ValueId load_small(ElementType element, const Shape& shape) {
    return load_shared_input(element, shape, Fill::Small);
  }
  void store_output(ValueId value, Tolerance tolerance);
  // A parameter that each block has a part of, of this shape, and the window of that part.
  ValueId block_output(ElementType element, const Shape& shape);
  // What a step has begun and cannot finish is taken back.
  struct Mark {
    std::size_t instructions, parameters, values;
  };
  Mark mark() {
    return {b_.region().body.size(), program_.function.parameters.size(),
            program_.function.values.size()};
  }
  void take_back(const Mark& mark);

  std::optional<ValueId> operand(const vm::OperandInfo& info, ValueId like);
  std::optional<std::vector<vm::Type>> results(vm::Instruction& instruction);
  void attributes(vm::Instruction& instruction);
  ValueId distinct(ValueId x);
  bool try_row(const vm::InstructionInfo& row);
  bool legal() {
    vm::Diagnostics diagnostics;
    return vm::verify(program_.function, diagnostics, vm::VerifyStage::Checked);
  }

  // Steps of draw_steps.cpp and draw_memory.cpp. They may find nothing to work on, and then add
  // nothing that has a result.
  void approximate();
  void product();
  void through_shared();
  void gather();
  void loop();
  void branch();
  void endless_loop();
  void claims();
  void copied();
  void scatter();
  void atomic();
  void atomic_float();
  void fetch();
  void flags();
  void compacted();
  void roles();
  void warps();
  void strand_body(const std::function<ValueId(ElementType)>& input,
                   const std::function<void(ValueId)>& output);

  ValueId mask_like(const Shape& shape);  // or no value
  Shape clip_first() const;
  // A tile of the pool with one of these types, or of any type of whole bytes when none is named.
  std::optional<ValueId> tile_of(std::initializer_list<ElementType> elements);
  ValueId whole(ValueId memory, const Shape& shape);
  void focus();
  void one_step();
  void outputs();

  DrawOptions options_;
  std::mt19937_64 random_;
  TestProgram program_;
  vm::Builder b_;
  Shape tile_;
  std::int64_t blocks_ = 1;
  ValueId block_ = 0, zero_ = 0, row_ = 0;
  std::vector<ValueId> pool_;  // exact tiles and scalars
  std::set<ValueId> used_, stored_;
};

}  // namespace bitloom::test
