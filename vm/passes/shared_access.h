// Which shared memory an instruction touches, and how.
#pragma once

#include <optional>
#include <vector>

#include "vm/ir.h"

namespace bitloom::vm {

enum class AccessKind : std::uint8_t { Read, Write, Atomic };

// A part of a shared tile: [low, high) along each dimension of the root whose place is known, the
// whole extent along the others.
struct SharedPart {
  ValueId root = kNoValue;
  Shape low, high;

  bool overlaps(const SharedPart& other) const;
  bool operator==(const SharedPart&) const = default;
};

struct SharedAccess {
  AccessKind kind = AccessKind::Read;
  SharedPart part;

  // Two atomics do not disturb one another, nor do two reads.
  bool conflicts(const SharedAccess& other) const {
    return (kind != other.kind || kind == AccessKind::Write) && part.overlaps(other.part);
  }
  bool operator==(const SharedAccess&) const = default;
};

class SharedAccesses {
 public:
  explicit SharedAccesses(const Function& function)
      : function_(function), definitions_(definitions(function)) {}

  // The accesses of the instruction itself, not those of its regions. Asynchronous copies count as
  // writes at the place where they start.
  std::vector<SharedAccess> of(const Instruction& instruction) const;
  ValueId root(ValueId view) const { return root_of(function_, definitions_, view); }

 private:
  SharedPart part(ValueId view) const;

  const Function& function_;
  std::vector<const Instruction*> definitions_;
};

}  // namespace bitloom::vm
