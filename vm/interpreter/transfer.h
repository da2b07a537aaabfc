// A transfer of a window's bytes between global and shared memory, resolved for one execution.
//
// Both sides are cut into the widest units that lie together on both; at the edges of a tensor and
// for odd widths it goes element by element. Packed windows go by whole atoms.
#pragma once

#include <memory>
#include <optional>

#include "vm/interpreter/access.h"
#include "vm/interpreter/hazards.h"

namespace bitloom::vm::interpreter {

class TransferPlan {
 public:
  // nullptr, reported, when the windows do not fit. `clip` is that of the global side.
  static std::shared_ptr<const TransferPlan> make(const Instruction& op, Compiler& compiler,
                                                  ValueId target, ValueId source,
                                                  const Shape& clip);

  const AccessPlan& target() const { return *target_; }
  const AccessPlan& source() const { return *source_; }
  std::int64_t bytes() const { return bytes_; }  // of the whole window

 private:
  std::shared_ptr<const AccessPlan> target_, source_;
  std::int64_t bytes_ = 0;
};

// Where the bytes of one transfer come from and go to.
class Transfer {
 public:
  // Resolves the addresses; elements outside of a tensor are reported unless they are clipped.
  Transfer(std::shared_ptr<const TransferPlan> plan, Strand& strand, const Step& step,
           const View& target, const View& source);

  // Moves the bytes now; what is clipped on the side of the source is zero.
  void perform() const;
  // The same in two parts, for stores that have read before they write.
  std::vector<std::uint64_t> read() const;
  void write(const std::vector<std::uint64_t>& data) const;

  // The bytes of either side, for the shadows.
  Touch shared_bytes(bool target) const { return bytes_of(target); }
  // Copy engines are started by one thread, copies of all threads belong to none in particular.
  void touch_global(Strand& strand, const Step& step, bool write,
                    Touch::By by = Touch::By::Threads) const;
  // Whether either side is one run of bytes at a multiple of 16: what a bulk copy moves.
  bool contiguous() const;
  const View& target_view() const { return target_view_; }
  const View& source_view() const { return source_view_; }

 private:
  Touch bytes_of(bool target) const;

  std::shared_ptr<const TransferPlan> plan_;
  View target_view_, source_view_;
  bool by_unit_ = false;
  // Byte addresses of units, or numbers of elements; kInactive: not written, or zero.
  std::shared_ptr<std::vector<std::int64_t>> to_, from_;
  std::shared_ptr<std::vector<std::int64_t>> to_bytes_, from_bytes_;  // of elements
};

}  // namespace bitloom::vm::interpreter
