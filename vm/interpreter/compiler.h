// Flattens a function into a Program, for the sizes and arguments of one launch.
//
// For every instruction of the table there is a function
//
//   void compile(const DotOp& dot, Compiler& compiler);
//
// in the file of its group, which decodes the operands and adds steps. An instruction without one
// does not compile. What cannot be run (an operand that is not where it should be, a shape that no
// pass gives) is reported with `fail`; nothing is assumed that was not looked at.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/interpreter/machine.h"
#include "vm/interpreter/program.h"
#include "vm/ops.h"

namespace bitloom::vm::interpreter {

// What a launch adds to a function: numbers for its symbols, memory for its tensors.
struct Bindings {
  std::map<std::string, std::int64_t> sizes;
  std::vector<Shape> extents;  // of every parameter's tensor
  std::span<const Argument> arguments;
};

class Compiler {
 public:
  Compiler(const Function& function, const Bindings& bindings, Program& program,
           Diagnostics& diagnostics);

  bool run();

  const Function& function() const { return function_; }
  const Type& type(ValueId value) const { return function_.type(value); }
  Program& program() { return program_; }
  int threads() const { return scope_->body->threads; }  // of the strand

  // Operands. Those of a type that the operation cannot take make `failed()` true, and give
  // something harmless.
  Tile tile(ValueId value);
  Tile variable(ValueId value);  // that this strand may change
  Tile define(ValueId value);    // the place of an output; a variable has one place for ever
  Tile scratch_scalar();         // a number of the step's own in the frame, 64 bits
  const ViewInfo& view(ValueId value);
  ViewInfo& define_view(ValueId value, ViewInfo info);
  std::shared_ptr<const LaneTable> lane_table(const layouts::RegisterLayout& layout);

  // Steps. `next()` is the number of the step that comes next, which jumps aim at.
  std::size_t step(const Instruction& instruction, Action action);
  std::uint32_t next() const { return static_cast<std::uint32_t>(scope_->body->steps.size()); }
  void aim(std::size_t step, std::uint32_t target) { scope_->body->steps[step].target = target; }
  void region(const Region& region);
  // A region that strands of their own run.
  const Body* body(const Region& region, int threads);

  struct Loop {
    std::vector<std::size_t> breaks, continues;  // steps to aim
  };
  std::vector<Loop>& loops() { return scope_->loops; }

  void fail(const Instruction& instruction, const std::string& text);
  bool failed() const { return failed_; }

 private:
  // Where the values of one body stand.
  struct Scope {
    Scope* outer = nullptr;
    Body* body = nullptr;
    std::unordered_map<ValueId, Tile> tiles;
    std::unordered_map<ValueId, ViewInfo> views;
    std::vector<Loop> loops;
  };

  void instruction(const Instruction& instruction);
  void bind_parameters();
  void find_written_parameters();
  Tile place(ValueId value, Scope& scope);
  const Tile* find_tile(ValueId value, Scope& scope);
  const ViewInfo* find_view(ValueId value, Scope& scope);
  void first_value(const Tile& tile, std::uint64_t value);
  std::uint32_t allocate(Body& body, std::size_t words);

  const Function& function_;
  const Bindings& bindings_;
  Program& program_;
  Diagnostics& diagnostics_;
  Scope* scope_ = nullptr;
  const Instruction* current_ = nullptr;
  bool failed_ = false;
  std::unordered_map<layouts::RegisterLayout, std::shared_ptr<const LaneTable>> tables_;
  std::shared_ptr<const LaneTable> scalar_table_;
  std::vector<bool> written_;  // by parameter's value
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint16_t> lines_;
};

#define INSTRUCTION(Name, ...) void compile(const Name##Op& op, Compiler& compiler);
#include "vm/isa.def"

}  // namespace bitloom::vm::interpreter
