// Roles and warps: where the block stops going one way.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/evaluate.h"
#include "dsl/sema/kernel.h"
#include "dsl/sema/statements.h"
#include "vm/packed_type.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;

constexpr std::int64_t kMostArrivals = (1 << 20) - 1;  // the counter of an mbarrier has 20 bits

bool explicit_only(Context& c, std::string_view what, Place place) {
  if (!c.comfortable()) return true;
  c.error("BL0223", place)
          .note(c.span(c.kernel->name_place), "the kernel is declared")
          .hint("write 'explicit kernel'")
      << what << " belong to explicit kernels";
  return false;
}

struct RoleShape {
  std::int64_t threads = 32, registers = 0, copies = 1;
};

std::optional<RoleShape> shape_of(Context& c, const Role& role) {
  if (!known_attributes(c, role.attributes, {"threads", "registers"})) return std::nullopt;
  RoleShape shape;
  const Attribute* threads = find_attribute(role.attributes, "threads");
  if (!threads)
    return c.error("BL0222", role.name_place)
           << "the role " << role.name << " does not say its threads(…)";
  const auto count = attribute_integer(c, *threads);
  if (!count) return std::nullopt;
  if (*count < 32 || *count > 1024 || *count % 32 != 0)
    return c.error("BL0225", threads->place)
           << "a role has whole warps of 32 threads, and this has " << *count << " threads";
  shape.threads = *count;
  if (const Attribute* registers = find_attribute(role.attributes, "registers")) {
    const auto number = attribute_integer(c, *registers);
    if (!number) return std::nullopt;
    if (*number < 24 || *number > 256 || *number % 8 != 0)
      return c.error("BL0225", registers->place)
             << "a thread has 24 to 256 registers, in steps of 8, and this asks for " << *number;
    shape.registers = *number;
  }
  if (role.copies) {
    const auto copies = constant_integer(c, *role.copies, "the number of copies of a role");
    if (!copies) return std::nullopt;
    if (*copies < 1 || *copies > 32)
      return c.error("BL0225", role.copies->place)
             << "a role has 1 to 32 copies, and this has " << *copies;
    shape.copies = *copies;
  }
  return shape;
}

void run_role(Context& c, const Role& role, const RoleShape& shape, vm::Instruction& instruction,
              int region) {
  const vm::ValueId index =
      c.function.add_value("role_index", vm::register_type(vm::kI32), c.span(role.name_place));
  instruction.regions[static_cast<std::size_t>(region)].arguments = {index};
  const RegionScope inside(c, instruction, region);
  const Restore threads(c.strand_threads, static_cast<int>(shape.threads));
  const Restore which(c.role, std::optional<Value>(Register{index}));
  const Restore loops(c.frame().loops, std::vector<LoopState>());
  run(c, role.body);
}

bool may_split(Context& c, Place place) {
  if (!explicit_only(c, "roles", place)) return false;
  if (c.depth == 0 && c.frames.size() == 1 && !c.role) return true;
  c.error("BL0225", place) << "a block is split into roles at its outermost level";
  return false;
}

}  // namespace

Flow run_roles(Context& c, const Roles& node, Place place) {
  if (!may_split(c, place)) return Flow::Stop;
  vm::Shape threads, registers, copies;
  std::vector<RoleShape> shapes;
  std::string names;
  std::int64_t total = 0;
  bool good = true;
  for (const Role& role : node.roles) {
    const auto shape = shape_of(c, role);
    good = good && shape;
    shapes.push_back(shape.value_or(RoleShape{}));
    threads.push_back(shapes.back().threads);
    registers.push_back(shapes.back().registers);
    copies.push_back(shapes.back().copies);
    total += shapes.back().threads * shapes.back().copies;
    names += (names.empty() ? "" : ",") + role.name;
  }
  if (good && total != c.function.threads)
    c.error("BL0225", place)
            .note(c.span(c.kernel->name_place),
                  fmt::format("{} has {} threads", c.kernel->name, c.function.threads))
        << "the roles have " << total << " threads together, and the block has "
        << c.function.threads;
  vm::Instruction& instruction = c.emit(place, Opcode::Roles, {});
  instruction.set("threads", std::move(threads));
  instruction.set("registers", std::move(registers));
  instruction.set("copies", std::move(copies));
  instruction.set("names", std::move(names));
  instruction.regions.resize(node.roles.size());
  for (std::size_t i = 0; i < node.roles.size(); ++i)
    run_role(c, node.roles[i], shapes[i], instruction, static_cast<int>(i));
  return Flow::Stop;
}

Flow run_warps(Context& c, const Warps& node, Place place) {
  if (!explicit_only(c, "warps", place)) return Flow::Next;
  if (c.in_warps) {
    c.error("BL0225", place) << "this text already runs once in each warp";
    return Flow::Next;
  }
  vm::Instruction& instruction = c.emit(place, Opcode::Warps, {});
  const vm::ValueId index =
      c.function.add_value(node.name, vm::register_type(vm::kI32), c.span(node.name_place));
  instruction.regions[0].arguments = {index};
  const RegionScope region(c, instruction, 0);
  const Restore in_warps(c.in_warps, true);
  const Restore threads(c.strand_threads, 32);
  const Restore loops(c.frame().loops, std::vector<LoopState>());
  const BlockScope names(c);
  declare(c, node.name, node.name_place, Register{index});
  run(c, node.body);
  return Flow::Next;
}

// ---- shared memory and mbarriers ----------------------------------------------------------------

namespace {

// The layout that swizzle(B) or pad(n) describes. Only the last two dimensions take part; those
// before are copies.
std::optional<layouts::SharedLayout> shared_layout(Context& c, const SharedDecl& node,
                                                   vm::ElementType element,
                                                   const vm::Shape& shape) {
  const Attribute* swizzle = find_attribute(node.attributes, "swizzle");
  const Attribute* pad = find_attribute(node.attributes, "pad");
  const Attribute& attribute = swizzle ? *swizzle : *pad;
  if (swizzle && pad) return c.error("BL0229", pad->place) << "a tile has either swizzle or pad";
  const auto number = attribute_integer(c, attribute);
  if (!number) return std::nullopt;
  const std::size_t outer = shape.size() > 2 ? shape.size() - 2 : 0;
  const vm::Shape inner(shape.begin() + static_cast<std::ptrdiff_t>(outer), shape.end());
  std::optional<layouts::SharedLayout> layout;
  if (swizzle) {
    const auto pattern = layouts::swizzle_of_width(*number);
    if (!pattern || *number == 0)
      return c.error("BL0229", attribute.place)
             << "swizzle takes 32, 64 or 128 bytes, and this is " << *number;
    const std::int64_t row_bits = shape.back() * element.bits;
    if (row_bits % (*number * 8) != 0)
      return c.error("BL0229", attribute.place)
             << "swizzle(" << *number << ") wants rows of whole multiples of " << *number
             << " bytes, and a row of " << describe(vm::register_type(element, shape)) << " has "
             << fmt::format("{}", static_cast<double>(row_bits) / 8);
    auto boxed = layouts::SharedLayout::boxed(inner, element.bits, *number, *pattern);
    if (!boxed) return c.error("BL0229", attribute.place) << boxed.error().message;
    layout = std::move(*boxed);
  } else {
    if (*number < 0 || *number > 4096 || *number * element.bits % 8 != 0)
      return c.error("BL0229", attribute.place)
             << "pad takes a number of elements that fill whole bytes, and this is " << *number;
    layout = layouts::SharedLayout::padded(inner, element.bits, *number);
  }
  for (std::size_t i = outer; i-- > 0;) layout = layout->with_stages(shape[i]);
  return layout;
}

bool shared_type_is_right(Context& c, const SharedDecl& node, vm::ElementType element,
                          const vm::Shape& shape) {
  const auto refuse = [&](const std::string& why) {
    c.error("BL0229", node.type.place) << why;
    return false;
  };
  if (shape.empty())
    return refuse(
        fmt::format("a shared tile has extents; one number is {}[1]", vm::to_string(element)));
  if (element.is_bool()) return refuse("bool lives in registers only; store u8");
  if (!node.type.packed) return true;
  if (!element.is_narrow())
    return refuse(fmt::format("only types of 8 bits and less are packed, and this is {}",
                              vm::to_string(element)));
  const bool atoms =
      shape.size() >= 2 && shape[shape.size() - 1] % 64 == 0 && shape[shape.size() - 2] % 64 == 0;
  if (!atoms)
    return refuse(fmt::format("a packed tile consists of atoms of 64 x 64, and this is {}",
                              layouts::to_string(shape)));
  if (!node.attributes.empty())
    return refuse("a packed tile has neither swizzle nor pad: its order is that of packed tensors");
  return true;
}

}  // namespace

void run_shared(Context& c, const SharedDecl& node, Place place) {
  const auto element = node.type.element ? element_type(c, *node.type.element) : std::nullopt;
  const auto shape = constant_shape(c, node.type.extents, node.type.place);
  Value value = Poison{};
  if (element && shape && known_attributes(c, node.attributes, {"swizzle", "pad"}) &&
      shared_type_is_right(c, node, *element, *shape)) {
    vm::Type type = vm::shared_type(*element, *shape);
    if (node.type.packed) type.packed = vm::packed_atom(*element);
    const bool good =
        node.attributes.empty() || (type.shared = shared_layout(c, node, *element, *shape));
    if (good) {
      const vm::ValueId id = c.emit(place, Opcode::SharedAlloc, std::move(type), {});
      c.function.value(id).name = node.name;
      value = Memory{id};
    }
  }
  declare(c, node.name, node.name_place, std::move(value));
}

void run_barrier(Context& c, const BarrierDecl& node, Place place) {
  Value value = Poison{};
  const bool allowed = explicit_only(c, "barriers", place);
  vm::Shape shape;
  bool good = allowed && known_attributes(c, node.attributes, {"count"});
  if (node.extent) {
    const auto extent = constant_integer(c, *node.extent, "the number of barriers");
    good = good && extent && valid_shape(c, {*extent}, node.extent->place);
    shape.push_back(extent.value_or(1));
  }
  const Attribute* count = find_attribute(node.attributes, "count");
  if (!count && good) {
    c.error("BL0222", node.name_place)
        << "the barrier " << node.name
        << " does not say its count(…): the arrivals that end a phase";
    good = false;
  }
  const auto arrivals = count && good ? attribute_integer(c, *count) : std::nullopt;
  if (arrivals && (*arrivals < 1 || *arrivals > kMostArrivals)) {
    c.error("BL0214", count->place)
        << "a phase waits for 1 to " << kMostArrivals << " arrivals, and this for " << *arrivals;
  } else if (arrivals) {
    const vm::ValueId id = c.emit(place, Opcode::BarrierAlloc, vm::barrier_type(shape), {});
    c.build.last().set("count", *arrivals);
    c.function.value(id).name = node.name;
    value = Barrier{id};
  }
  declare(c, node.name, node.name_place, std::move(value));
}

}  // namespace bitloom::dsl::sema
