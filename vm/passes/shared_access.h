// Which shared memory an instruction touches, and how; and which global memory, when asked.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "vm/ir.h"

namespace bitloom::vm {

enum class AccessKind : std::uint8_t { Read, Write, Atomic };

// A part of a shared tile: [low, high) along each dimension of the root whose place is known, the
// whole extent along the others.
inline constexpr std::int64_t kWhole = std::numeric_limits<std::int64_t>::max();

struct SharedPart {
  ValueId root = kNoValue;
  Shape low, high;  // high: kWhole along what only the launch knows

  bool overlaps(const SharedPart& other) const;
  bool operator==(const SharedPart&) const = default;
};

struct SharedAccess {
  AccessKind kind = AccessKind::Read;
  SharedPart part;
  const Instruction* writer = nullptr;  // of a write to global memory

  // Two atomics do not disturb one another, nor do two reads; nor, in global memory, one store in
  // two turns of a loop, which go to two places.
  bool conflicts(const SharedAccess& other) const {
    if (writer && writer == other.writer) return false;
    return (kind != other.kind || kind == AccessKind::Write) && part.overlaps(other.part);
  }
  bool operator==(const SharedAccess&) const = default;
};

class SharedAccesses {
 public:
  explicit SharedAccesses(const Function& function, bool with_global = false)
      : function_(function), definitions_(definitions(function)), with_global_(with_global) {}

  // The accesses of the instruction itself, not those of its regions. Asynchronous copies count as
  // writes at the place where they start.
  std::vector<SharedAccess> of(const Instruction& instruction) const;
  ValueId root(ValueId view) const { return root_of(function_, definitions_, view); }

 private:
  SharedPart part(ValueId view) const;

  const Function& function_;
  std::vector<const Instruction*> definitions_;
  bool with_global_;
};

}  // namespace bitloom::vm
