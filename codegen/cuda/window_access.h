// Addresses of a tile's elements in a window of memory.
//
// The place of an element is the sum of three parts: the window's origin, which is a run-time
// value; the thread's part, a sum of digits of its number; and the register's part, which is a
// constant in shared memory and a constant multiple of the tensor's strides in global memory.
// begin() prints the first two once; address() adds the third, mostly as the immediate offset of
// the access.
//
// A swizzle XORs bits of the sum. Where the origin is a multiple of the pattern the thread's part
// is combined from its digits by XOR, and a register's part splits in two: bits that no thread sets
// are added, the others are XORed. Where it is not, the swizzle is computed at run time.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

// Which element of the window a thread's register is, or stands for. Its coordinates are sums of
// the digits and of a constant a register.
struct ElementMap {
  std::int64_t threads = 1, registers = 1;
  std::vector<ThreadDigit> digits;
  std::function<layouts::Index(std::int64_t thread, std::int64_t reg)> element;
  std::optional<layouts::RegisterLayout> layout;  // when it is one

  static ElementMap of(const layouts::RegisterLayout& layout);
  static ElementMap of_scalar(std::size_t rank);  // every thread holds the only element
  // False when some coordinate is no such sum.
  bool is_sum() const;
};

class WindowAccess {
 public:
  // `clip` as the attribute says.
  WindowAccess(KernelWriter& out, const MemoryView& view, ElementMap elements,
               const vm::Shape& clip);

  void begin();

  // The address of a register's element, in bytes; of narrow types the byte in which it begins.
  std::string address(std::int64_t reg);
  // Narrow types: the bit in that byte.
  std::string bit(std::int64_t reg);
  // Whether the element lies inside along the clipped dimensions; empty: it does.
  std::string inside(std::int64_t reg);
  // Instead of begin() when every address is asked for with an index: prints nothing yet.
  void begin_indexed() { computed_ = true; }
  // The same two for an element whose coordinates along one dimension of the view are replaced by
  // an expression (an index that was loaded).
  std::string address_at(std::int64_t reg, int dim, const std::string& index);
  std::string inside_at(std::int64_t reg, int dim, const std::string& index);
  // Narrow types: the bit of the root at which the element begins.
  std::string bit_place_at(std::int64_t reg, int dim, const std::string& index);

  // The most elements that lie side by side in consecutive registers, at most `limit`, a power of
  // two that divides the number of registers.
  std::int64_t run(std::int64_t limit) const;
  // The same in a tile that begins at a multiple of 16 bytes, where nobody has proved alignment.
  std::int64_t aligned_run(std::int64_t limit) const;
  // Records loads or stores of `each` elements at once by all threads, register by register; with
  // `indexed`, whose addresses memory says.
  void record(MemoryAccess::Kind kind, std::int64_t each, bool indexed = false);
  // Records accesses of granules: a register stands for one, and the first `count` exist, counted
  // over the threads of a turn, then over turns.
  void record_granules(MemoryAccess::Kind kind, std::int64_t bytes, std::int64_t count);
  // One of rows of 16 bytes, as the map's "registers" are when matrices move.
  void record_rows();
  // True in the first of several threads that hold the same; empty: always.
  std::string is_owner();
  // A register that holds what an earlier one holds too.
  bool is_duplicate(std::int64_t reg) const;

  const MemoryRoot& root() const { return *view_.root; }
  bool global() const { return view_.root->global(); }
  AccessKind::Space space() const;
  std::int64_t registers() const { return elements_.registers; }

 private:
  // Along dimension d of the root, without the dynamic part of the origin.
  std::int64_t coordinate(std::int64_t thread, std::int64_t reg, std::size_t d) const;
  bool clipped(std::size_t d) const;
  std::string inside_along(std::size_t d, std::int64_t reg, const std::string& extent);
  // Behind the dynamic part of the origin; nothing where threads lie in several granules.
  std::optional<std::int64_t> granule_begin(std::size_t d, std::int64_t reg) const;
  std::string place(std::int64_t reg);
  std::string global_place(std::int64_t reg);
  std::string shared_place(std::int64_t reg);
  std::string computed_place(std::int64_t reg, int dim, const std::string& index);
  std::string index_variable(std::size_t d);
  std::string bits_to_bytes(const std::string& bits) const;
  void begin_global();
  void begin_shared();
  bool add_dynamic_shared(std::string& text, std::int64_t& multiple) const;
  std::int64_t static_place(std::int64_t thread,
                            std::int64_t reg) const;  // bytes, or bits if narrow
  // The same with the strides of the recorder's sizes, and the swizzle: a byte.
  std::int64_t recorded_place(std::int64_t thread, std::int64_t reg) const;

  bool narrow() const { return view_.root->bits() % 8 != 0; }
  std::int64_t unit() const { return narrow() ? view_.root->bits() : view_.root->bits() / 8; }

  KernelWriter& out_;
  MemoryView view_;
  ElementMap elements_;
  vm::Shape clip_;
  std::vector<int> view_dim_;       // of each dimension of the root; -1: dropped
  std::vector<std::string> index_;  // printed index variables, by dimension of the root
  std::map<std::pair<std::size_t, std::int64_t>, std::string> insides_;
  std::map<std::pair<std::size_t, std::int64_t>, std::string> granules_;
  std::string base_;  // global: the thread's first place; shared: origin and what no XOR touches
  std::string owner_;
  bool owner_known_ = false;
  bool computed_ = false;  // shared: every address is computed at run time
  std::optional<ThreadForm> threads_;
  std::map<std::int64_t, std::string>
      variants_;  // shared: by the XORed part of the register's constant
};

}  // namespace bitloom::codegen
