#include "tests/differential/reduce.h"

#include <fmt/format.h>

#include <algorithm>

#include "vm/text/printer.h"
#include "vm/verify.h"

namespace bitloom::test {
namespace {

using vm::Instruction;
using vm::Region;
using vm::ValueId;

std::size_t count(const TestProgram& program) {
  std::size_t n = 0;
  vm::walk(program.function.body, [&](const Instruction&) { ++n; });
  return n;
}

// Calls f(region, place) for the instruction with this number in the order of vm::walk.
template <class F>
bool at_number(Region& region, std::size_t& number, F&& f) {
  for (std::size_t i = 0; i < region.body.size(); ++i) {
    if (number-- == 0) {
      f(region, i);
      return true;
    }
    for (Region& inner : region.body[i]->regions)
      if (at_number(inner, number, f)) return true;
  }
  return false;
}

template <class F>
TestProgram changed(const TestProgram& program, std::size_t number, F&& f) {
  TestProgram copy = program.clone();
  at_number(copy.function.body, number, f);
  return copy;
}

void drop(Region& region, std::size_t place) {
  region.body.erase(region.body.begin() + static_cast<std::ptrdiff_t>(place));
}

// What stood in the regions of a branch or loop takes its place.
void flatten(Region& region, std::size_t place) {
  vm::InstructionPtr outer = std::move(region.body[place]);
  drop(region, place);
  for (Region& inner : outer->regions) {
    for (vm::InstructionPtr& instruction : inner.body) {
      region.body.insert(region.body.begin() + static_cast<std::ptrdiff_t>(place++),
                         std::move(instruction));
    }
  }
}

// The result becomes ones.
bool make_constant(vm::Function& function, Region& region, std::size_t place) {
  Instruction& old = *region.body[place];
  if (old.opcode == vm::Opcode::Constant || old.outputs.size() != 1) return false;
  const vm::Type& type = function.type(old.outputs[0]);
  if (!type.is_register() || function.value(old.outputs[0]).variable) return false;
  auto constant = std::make_unique<Instruction>();
  constant->opcode = vm::Opcode::Constant;
  constant->outputs = old.outputs;
  if (type.element.is_float()) {
    constant->set("value", 1.0);
  } else {
    constant->set("integer", std::int64_t{1});
  }
  region.body[place] = std::move(constant);
  return true;
}

bool verifies(const TestProgram& program) {
  vm::Diagnostics diagnostics;
  return vm::verify(program.function, diagnostics, vm::VerifyStage::Checked);
}

// Parameters that nothing names any more.
TestProgram without_unused(const TestProgram& program) {
  TestProgram copy = program.clone();
  std::vector<vm::Parameter> parameters;
  std::vector<ProgramTensor> tensors;
  for (std::size_t p = 0; p < copy.function.parameters.size(); ++p) {
    const ValueId value = copy.function.parameters[p].value;
    bool used = false;
    vm::walk(copy.function.body, [&](const Instruction& instruction) {
      used |= std::find(instruction.inputs.begin(), instruction.inputs.end(), value) !=
              instruction.inputs.end();
    });
    if (!used) continue;
    parameters.push_back(copy.function.parameters[p]);
    tensors.push_back(copy.tensors[p]);
  }
  copy.function.parameters = std::move(parameters);
  copy.tensors = std::move(tensors);
  return copy;
}

}  // namespace

TestProgram reduced(const TestProgram& program, const StillFails& still_fails) {
  TestProgram best = program.clone();
  const auto take = [&](TestProgram candidate) {
    if (!verifies(candidate) || !still_fails(candidate)) return false;
    best = std::move(candidate);
    return true;
  };
  for (bool smaller = true; smaller;) {
    smaller = false;
    // From the end: what uses a value goes before the value.
    for (std::size_t i = count(best); i-- > 0;) {
      smaller |= take(changed(best, i, drop));
    }
    for (std::size_t i = count(best); i-- > 0;) {
      bool possible = false;
      TestProgram flat = changed(best, i, [&](Region& region, std::size_t place) {
        possible = !region.body[place]->regions.empty();
        if (possible) flatten(region, place);
      });
      if (possible) smaller |= take(std::move(flat));
      TestProgram constant = best.clone();
      std::size_t number = i;
      possible = false;
      at_number(constant.function.body, number, [&](Region& region, std::size_t place) {
        possible = make_constant(constant.function, region, place);
      });
      if (possible) smaller |= take(std::move(constant));
    }
    take(without_unused(best));
  }
  TestProgram one_block = best.clone();
  one_block.function.grid = {layouts::SizeExpr(1)};
  take(std::move(one_block));
  return best;
}

std::string to_text(const TestProgram& program, const std::string& why) {
  std::string text = fmt::format("// seed {}\n", program.seed);
  for (std::size_t at = 0; at < why.size();) {
    const std::size_t end = std::min(why.find('\n', at), why.size());
    text += "// " + why.substr(at, end - at) + "\n";
    at = end + 1;
  }
  for (const auto& [name, size] : program.sizes) text += fmt::format("// {} = {}\n", name, size);
  return text + vm::print(program.function);
}

}  // namespace bitloom::test
