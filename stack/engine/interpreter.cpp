// The engine of a machine without a GPU: kernels run in the interpreter.
#include "vm/interpreter/interpreter.h"

#include <fmt/format.h>

#include "kernels/kernels_folder.h"
#include "runtime/host/packing.h"
#include "runtime/module_state.h"
#include "runtime/stdlib_folder.h"
#include "stack/engine/executor.h"
#include "vm/packed_type.h"
#include "vm/passes/pipeline.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;

namespace {

class Interpreter : public Executor {
 public:
  explicit Interpreter(const ExecutorOptions& options)
      : folder_(options.kernels.empty() ? kernels::kernels_folder() : options.kernels),
        stdlib_(options.stdlib.empty() ? runtime::stdlib_folder() : options.stdlib) {
    launch_.checks = options.checks;
    launch_.stop = options.stop;
    // A forward pass has no natural bound; what it runs is ours.
    launch_.step_limit = UINT64_MAX;
  }

  bool on_gpu() const override { return false; }

  Result<Array> allocate(vm::ElementType element, runtime::Shape shape) override {
    const auto bytes = runtime::byte_count(element, shape);
    if (!bytes) return tl::make_unexpected(bytes.error());
    return of_bytes(element, std::move(shape), std::vector<std::byte>(*bytes));
  }

  Result<Array> pack(const HostArray& codes) override {
    if (codes.rank() != 2 || !codes.type().is_narrow())
      return failure("BL0404", "packed weights are a matrix of a narrow type");
    auto atom = std::make_shared<const layouts::PackedAtom>(vm::packed_atom(codes.type()));
    const auto packed = runtime::pack_codes(*atom, codes);
    const auto span = std::as_bytes(std::span(packed));
    Array array = of_bytes(codes.type(), codes.shape(), {span.begin(), span.end()});
    array.atom = std::move(atom);
    return array;
  }

  Result<void> write(const Array& array, const HostArray& from) override {
    if (from.bytes().size() != array.bytes || from.type() != array.element)
      return failure("BL0901", "internal error: an array is written from another type or shape");
    std::ranges::copy(from.bytes(), array.address);
    return {};
  }

  Result<HostArray> read(const Array& array) override {
    if (array.atom)
      return runtime::unpack_codes(
          *array.atom, array.element, array.shape,
          std::span(reinterpret_cast<const std::uint8_t*>(array.address), array.bytes));
    auto result = HostArray::zeros(array.element, array.shape);
    if (result) std::copy_n(array.address, array.bytes, result->bytes().data());
    return result;
  }

  Result<void> launch(const Operator& op, std::span<const Operand> operands) override {
    auto found = functions_.find(op);
    if (found == functions_.end()) {
      auto function = lower(op);
      if (!function) return tl::make_unexpected(function.error());
      found = functions_.emplace(op, std::move(*function)).first;
    }
    std::vector<vm::Argument> arguments;
    for (const Operand& operand : operands) arguments.push_back(argument_of(operand));
    vm::Diagnostics diagnostics;
    if (vm::launch(found->second, {}, arguments, launch_, diagnostics)) return {};
    return tl::make_unexpected(file_of(op).summary(diagnostics));
  }
  using Executor::launch;

 private:
  static Array of_bytes(vm::ElementType element, runtime::Shape shape,
                        std::vector<std::byte> bytes) {
    auto memory = std::make_shared<std::vector<std::byte>>(std::move(bytes));
    Array array{.element = element, .shape = std::move(shape)};
    array.address = memory->data();
    array.bytes = memory->size();
    array.memory = std::move(memory);
    return array;
  }

  static vm::Argument argument_of(const Operand& operand) {
    if (const auto* array = std::get_if<Array>(&operand))
      return vm::TensorArgument{array->address, array->bytes, array->shape, true};
    if (const auto* integer = std::get_if<std::int64_t>(&operand))
      return vm::ScalarArgument{*integer, static_cast<double>(*integer)};
    if (const auto* real = std::get_if<double>(&operand)) return vm::ScalarArgument{0, *real};
    return std::monostate{};
  }

  runtime::ModuleState& file_of(const Operator& op) {
    auto& state = files_[op.file];
    if (!state) state = std::make_unique<runtime::ModuleState>(stdlib_);
    return *state;
  }

  Result<vm::Function> lower(const Operator& op) {
    const bool fresh = !files_.contains(op.file);
    runtime::ModuleState& state = file_of(op);
    vm::Diagnostics diagnostics;
    const auto fail = [&] {
      if (fresh) files_.erase(op.file);
    };
    if (fresh && !state.program.load(folder_ + "/" + op.file, diagnostics)) {
      vm::Diagnostic error = state.summary(diagnostics);
      fail();
      return tl::make_unexpected(std::move(error));
    }
    dsl::Specialization specialization;
    specialization.generics = op.generics;
    for (const dsl::KernelSignature& kernel : state.program.kernels())
      if (kernel.name == op.kernel)
        for (const auto& parameter : kernel.parameters)
          if (parameter.optional && !op.present.contains(parameter.name))
            specialization.absent.insert(parameter.name);
    auto function = state.program.specialize(op.kernel, specialization, diagnostics);
    if (!function) return tl::make_unexpected(state.summary(diagnostics));
    vm::PassContext passes{vm::Target{}, diagnostics};
    if (!vm::lower_all(*function, passes, {}))
      return tl::make_unexpected(state.summary(diagnostics));
    return std::move(*function);
  }

  std::string folder_, stdlib_;
  vm::LaunchOptions launch_;
  std::map<std::string, std::unique_ptr<runtime::ModuleState>> files_;
  std::map<Operator, vm::Function> functions_;
};

}  // namespace

std::unique_ptr<Executor> make_interpreter(const ExecutorOptions& options) {
  return std::make_unique<Interpreter>(options);
}

}  // namespace bitloom::stack
