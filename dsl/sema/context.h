// Everything that the analysis of one specialisation of one kernel carries along: where it is in
// the text, the function that it builds, and the way to say what is wrong.
//
//   return c.error("BL0201", place) << "the operands are f16 and f32";      // gives Poison
//   RegionScope inside(c, *loop, 0);                                         // instructions now go
//   into the loop
//
// The analysis itself is free functions over a Context: evaluate.h (expressions), operators.h
// (arithmetic and broadcasting), memory.h (windows, loads, stores), builtins.h (the functions of
// the language), statements.h, calls.h (functions are inlined), kernel.h (headers).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "dsl/compile.h"
#include "dsl/sema/module.h"
#include "dsl/sema/scope.h"
#include "dsl/sema/value.h"
#include "vm/builder.h"

namespace bitloom::dsl::sema {

class Context;

// A diagnostic in the making. It is handed in when the statement ends, with notes that say in which
// calls and for which specialisation it arose.
class Report {
 public:
  Report(Context& context, vm::Severity severity, std::string_view code, vm::Span span);
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  ~Report();

  template <class T>
  Report& operator<<(const T& value) {
    diagnostic_ << value;
    return *this;
  }
  Report& note(vm::Span span, std::string text) {
    diagnostic_.note(span, std::move(text));
    return *this;
  }
  Report& hint(std::string text) {
    diagnostic_.hint(std::move(text));
    return *this;
  }
  // "did you mean 'load'?", when something is near.
  Report& suggest(std::string_view name, const std::vector<std::string_view>& candidates);

  operator Value() const { return Poison{}; }  // NOLINT: `return c.error(…) << …;`
  template <class T>
  operator std::optional<T>() const {  // NOLINT: likewise
    return std::nullopt;
  }

 private:
  Context& context_;
  vm::Diagnostic diagnostic_;
};

// A loop around the statement that is being analysed.
struct LoopState {
  enum Kind { Runtime, Unrolled, Pipeline } kind = Runtime;
  int depth = 0;  // Context::depth inside its body
};

// The kernel, or a function that is being inlined.
struct Frame {
  const Module* module = nullptr;
  const FunctionDecl* function = nullptr;  // nullptr: the kernel
  std::string title;                       // "step<T = f16, S = 4>"
  vm::Span call;
  int depth = 0;                 // Context::depth at the call
  std::vector<LoopState> loops;  // inside this frame
  std::optional<Value> result;   // of `return`
};

// What `break`, `continue` and `return` do to the statements behind them.
enum class Flow : std::uint8_t {
  Next,      // go on
  Stop,      // a jump was emitted: what follows in this block is never reached
  Break,     // of a loop that is unrolled
  Continue,  // likewise
  Return,    // of a function that is inlined
};

class Context {
 public:
  Context(const Modules& all_modules, vm::Diagnostics& sink, const Specialization& specialization)
      : modules(all_modules), diagnostics(sink), settings(specialization), build(function) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Modules& modules;
  vm::Diagnostics& diagnostics;
  const Specialization& settings;
  vm::Function function;
  vm::Builder build;

  // -- Where we are
  std::deque<Frame> frames;  // references to a frame outlive calls that it makes
  Scope* scope = nullptr;
  const KernelDecl* kernel = nullptr;
  bool in_header = false;  // extents, grid and where: sizes are symbols, nothing can be emitted
  bool in_load = false;    // of a pipeline
  int strand_threads =
      0;  // threads that run the current text: of the block, the role, or 32 of a warp
  bool in_warps = false;                  // inside `warps`
  std::optional<Value> role;              // role.index
  int depth = 0;                          // regions that are open and decided at run time
  int nesting = 0;                        // of expressions
  std::set<const ConstDecl*> evaluating;  // constants whose value is being computed
  std::map<const ConstDecl*, Value> constants;

  Frame& frame() { return frames.back(); }
  const Module& module() const { return *frames.back().module; }
  vm::Span span(Place place) const { return span_of(modules.sources(), module(), place); }
  std::string_view text(Place place) const;
  bool comfortable() const { return function.comfortable; }

  // -- What is wrong
  Report error(std::string_view code, Place place) { return error(code, span(place)); }
  Report error(std::string_view code, vm::Span at) {
    return {*this, vm::Severity::Error, code, at};
  }
  Report warning(std::string_view code, Place place) {
    return {*this, vm::Severity::Warning, code, span(place)};
  }
  // "x is f16[16, 64]", at the place where it was computed.
  void note_origin(Report& report, std::string_view name, const Value& value) const;
  std::string describe(const Value& value) const { return sema::describe(value, function); }
  std::size_t errors() const { return errors_; }

  // Counts one statement; false, with an error the first time, when the kernel has grown beyond all
  // bounds.
  bool spend(Place place);
  bool exhausted() const { return exhausted_; }

  // -- Instructions
  // A copy: whoever emits an instruction adds values, and references into them do not survive that.
  vm::Type type(vm::ValueId id) const { return function.type(id); }
  vm::ValueId emit(Place place, vm::Opcode opcode, vm::Type type, std::vector<vm::ValueId> inputs);
  vm::Instruction& emit(Place place, vm::Opcode opcode, std::vector<vm::ValueId> inputs);
  // A pure scalar that is computed once, at the beginning of the kernel.
  vm::ValueId emit_first(vm::Opcode opcode, vm::Type type, std::vector<vm::ValueId> inputs,
                         std::string name);
  // The scalar in 64 bits, as windows count.
  vm::ValueId offset(Place place, vm::ValueId scalar);
  vm::ValueId offset(Place place, std::int64_t constant);
  // block.x and its like, once a kernel.
  Value machine_scalar(vm::Opcode opcode, int axis, std::string name);
  // The size as an i32 scalar.
  Value size(std::string_view name);

 private:
  friend class Report;
  friend class RegionScope;
  void hand_in(vm::Diagnostic diagnostic);

  std::vector<std::map<vm::ValueId, vm::ValueId>> wide_ = {{}};  // offset() in each open region
  std::vector<std::map<std::int64_t, vm::ValueId>> wide_constants_ = {{}};
  std::map<std::string, vm::ValueId, std::less<>> machine_scalars_;
  std::map<std::string, vm::ValueId, std::less<>> sizes_;
  std::size_t first_ = 0;  // instructions that emit_first has put in front
  std::size_t errors_ = 0;
  std::size_t spent_ = 0;
  bool exhausted_ = false;
  std::set<std::tuple<std::string, std::uint32_t, std::uint32_t, std::uint32_t, std::string>> said_;
};

// Instructions go into region `index` of an instruction for as long as this lives.
class RegionScope {
 public:
  RegionScope(Context& context, vm::Instruction& instruction, int index);
  ~RegionScope();
  RegionScope(const RegionScope&) = delete;
  RegionScope& operator=(const RegionScope&) = delete;

 private:
  Context& context_;
};

// The names of a block, for as long as this lives.
class BlockScope {
 public:
  explicit BlockScope(Context& context) : context_(context), scope_(context.scope) {
    context.scope = &scope_;
  }
  BlockScope(Context& context, const Scope* parent)
      : context_(context), outer_(context.scope), scope_(parent) {
    context.scope = &scope_;
  }
  ~BlockScope() { context_.scope = outer_; }
  BlockScope(const BlockScope&) = delete;
  BlockScope& operator=(const BlockScope&) = delete;

  Scope& scope() { return scope_; }

 private:
  Context& context_;
  Scope* outer_ = context_.scope;
  Scope scope_;
};

// Sets a variable back to what it was.
template <class T>
class Restore {
 public:
  Restore(T& variable, T value) : variable_(variable), old_(std::move(variable)) {
    variable_ = std::move(value);
  }
  ~Restore() { variable_ = std::move(old_); }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;

 private:
  T& variable_;
  T old_;
};

// Declares a name in the current block; BL0110 when the block has it already.
void declare(Context& c, std::string_view name, Place place, Value value, bool variable = false);

}  // namespace bitloom::dsl::sema
