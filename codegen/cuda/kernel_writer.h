// The state of printing one kernel: lines, names, values, strands.
//
// emit() functions (codegen/cuda/emit.h, one an instruction) read operands as Registers and
// MemoryViews, print lines, and define their results. Nothing is printed twice: what a region needs
// from outside is a C++ variable in scope.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/cuda.h"
#include "codegen/cuda/memory_place.h"
#include "codegen/cuda/prelude.h"
#include "codegen/cuda/registers.h"
#include "codegen/cuda/thread_form.h"
#include "vm/passes/scalar_facts.h"

namespace bitloom::codegen {

inline constexpr std::string_view kMultiprocessorsName = "device_sms";  // in the text

// The threads that run what is being printed.
struct Strand {
  std::string thread;  // the variable that numbers them
  std::int64_t threads = 0;
  enum class Kind : std::uint8_t { Block, Role, Warp } kind = Kind::Block;
  std::string barrier;        // Role: the number of its named barrier, an expression
  std::string scratch;        // the address of its scratch memory, an expression
  std::string scratch_group;  // whose size that is
  bool votes = false;         // branches are votes: it runs warpgroup products
  std::string end_label;      // where `return` goes; empty: out of the kernel
};

class KernelWriter {
 public:
  KernelWriter(const vm::Function& function, const CudaOptions& options,
               vm::Diagnostics& diagnostics);

  const vm::Function& function() const { return function_; }
  const vm::Target& target() const { return options_.target; }
  const vm::Type& type(vm::ValueId id) const { return function_.type(id); }
  const vm::ScalarFacts& facts() const { return facts_; }
  Prelude& prelude() { return prelude_; }
  const Prelude& prelude() const { return prelude_; }

  // ---- Text ----
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    write(fmt::format(format, std::forward<Args>(args)...));
  }
  void write(const std::string& text);  // one line
  void label(const std::string& name);
  void open(const std::string& head);  // "head {", or "{"
  void close(const std::string& tail = {});
  void otherwise();  // "} else {"
  // A name that nobody else has.
  std::string fresh(std::string_view prefix);
  // A call of a prelude wrapper: wrapper(operands), or the variable in which its result was put.
  template <class... Args>
  std::string call(std::string_view wrapper, const Args&... args) {
    return call_with(wrapper, {std::string(args)...});
  }
  std::string call_with(std::string_view wrapper, std::vector<std::string> operands);
  static std::string invoke(const std::string& name, const std::vector<std::string>& arguments);

  // ---- Values ----
  const Register& reg(vm::ValueId id) const { return registers_.at(id); }
  // A fresh array (or scalar, which must then be assigned) for a result, declared.
  const Register& define(vm::ValueId id);
  // A fresh array that belongs to no value.
  Register temporary(vm::ElementType element, std::int64_t count, std::string_view prefix);
  void define(vm::ValueId id, Register reg);
  // A scalar with its value; a tile of one expression.
  void define_scalar(vm::ValueId id, const std::string& code);
  const MemoryView& view(vm::ValueId id) const { return views_.at(id); }
  void define_view(vm::ValueId id, MemoryView view) { views_[id] = std::move(view); }
  std::int64_t registers_of(vm::ValueId id) const;  // elements a thread
  std::string name_of(vm::ValueId id) const;

  // ---- Strands ----
  Strand& strand() { return strands_.back(); }
  const Strand& block() const { return strands_.front(); }
  void push(Strand strand) { strands_.push_back(std::move(strand)); }
  void pop() { strands_.pop_back(); }
  // A barrier of the strand's threads.
  void barrier();
  // True in one thread of the strand.
  std::string is_first_thread() const { return strand().thread + " == 0"; }
  const Strand& strand() const { return strands_.back(); }
  // The condition of a branch of the strand.
  std::string branch(const std::string& condition);
  std::string size_expression(const layouts::SizeExpr& expr) const;

  // ---- Scratch: shared memory for exchanges, behind the plan ----
  // The address of the strand's scratch, which has at least so many bytes.
  std::string scratch(std::int64_t bytes);
  void reserve_scratch(const std::string& group, std::int64_t copies);
  int named_barrier(int count);  // the first of `count` numbers that nobody uses
  std::vector<std::string> scratch_constants() const;
  std::int64_t shared_bytes() const;

  // ---- What the host has to know ----
  // The name of the tensor map that the kernel takes for these.
  std::string tensor_map(const TensorMapSpec& spec);
  const std::vector<std::pair<std::string, TensorMapSpec>>& tensor_maps() const { return maps_; }

  // ---- For reports ----
  // Whether accesses are to be recorded: then a record of the instruction in work, to be filled by
  // add_instruction(). It lives until the next.
  MemoryAccess* record(MemoryAccess::Kind kind, const MemoryRoot& root, std::int64_t bytes);
  // A size, or an extent of a tensor, as the options say.
  std::int64_t recorded_size(const layouts::SizeExpr& expr) const;

  // Nothing that uses the value's registers is moved over this place by the compiler.
  void touch(vm::ValueId value);

  // ---- Regions and errors ----
  void emit_region(const vm::Region& region);
  void place(vm::Span span);  // #line
  // BL0905: this form of the instruction has no text.
  void fail(const vm::Instruction& instruction, const std::string& why);
  vm::Diagnostics& diagnostics() { return diagnostics_; }

  std::string take_text() { return std::move(text_); }

 private:
  void emit_one(const vm::Instruction& instruction);

  const vm::Function& function_;
  const CudaOptions& options_;
  vm::Diagnostics& diagnostics_;
  vm::ScalarFacts facts_;
  Prelude prelude_;
  std::string text_;
  int depth_ = 1;
  int names_ = 0;
  std::unordered_map<vm::ValueId, Register> registers_;
  std::unordered_map<vm::ValueId, MemoryView> views_;
  std::vector<Strand> strands_;
  struct ScratchGroup {
    std::int64_t bytes = 0, copies = 1;
  };
  std::map<std::string, ScratchGroup> scratch_;
  std::set<int> barriers_;
  std::set<vm::ValueId> tensor_core_;  // variables that products in flight may own
  std::vector<std::pair<std::string, TensorMapSpec>> maps_;
  const vm::Instruction* current_ = nullptr;
  std::uint32_t last_file_ = ~0u, last_line_ = 0;
  bool line_counted_ = false;  // a line was written behind the last #line
};

}  // namespace bitloom::codegen
