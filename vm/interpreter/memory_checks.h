// The checks of one memory access: a bridge from address plans to the shadows of shared and global
// memory. Without checks it costs a test of two pointers.
#pragma once

#include <vector>

#include "vm/interpreter/access.h"
#include "vm/interpreter/hazards.h"

namespace bitloom::vm::interpreter {

// The error for an element that lies outside of its tensor.
void report_outside(Strand& strand, const Step& step, const AccessPlan& plan, const View& view,
                    std::size_t lane);

class MemoryCheck {
 public:
  struct Kind {
    Touch::By by = Touch::By::Threads;
    bool atomic = false;
    bool reads_old = false;
  };
  MemoryCheck(Strand& strand, const Step& step, const AccessPlan& plan, const View& view,
              Kind kind = {Touch::By::Threads, false, false});

  bool active() const { return shared_ || global_; }
  // Units as units_at gives them, or raw_units_at.
  void units(bool write, const AccessPlan::Units& units, int threads,
             const std::vector<std::uint32_t>* subset = nullptr);
  void raw_units(bool write, const std::int64_t* address, int threads,
                 const std::vector<std::uint32_t>* subset = nullptr);
  // Elements by their number in the root; element i belongs to thread i % threads.
  void elements(bool write, const std::int64_t* number, std::size_t count, int threads);

 private:
  void touch(bool write, const std::int64_t* address, std::int64_t offset, std::size_t count,
             int width, int threads, const std::vector<std::uint32_t>* subset, bool by_unit);

  Strand& strand_;
  const Step& step_;
  const AccessPlan& plan_;
  const View& view_;
  Kind kind_;
  bool shared_ = false, global_ = false;
};

// "element [3, 17] of at".
std::string element_name(const Root& root, const Shape& at);

}  // namespace bitloom::vm::interpreter
