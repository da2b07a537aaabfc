#include "tests/vm/ir/random_function.h"

#include <limits>

#include "layouts/encoding.h"
#include "vm/words/builder.h"

namespace bitloom::vm::testing {
namespace {

const std::vector<std::string> kNames = {"x",   "acc", "t",    "",       "_tmp9", "K",
                                         "in",  "for", "a b",  "7seven", "\"",    "tile\n",
                                         "f16", "é",   "else", "placed"};
const std::vector<std::string> kSizes = {"m", "n", "k", "text", "rows_2"};

Span random_span(Random& random) {
  if (random.chance(20)) return {};
  const auto small = [&] { return static_cast<std::uint32_t>(random.number(1, 500)); };
  return {static_cast<std::uint32_t>(random.number(0, 2)), small(), small(), small(), small()};
}

ElementType random_element(Random& random) {
  if (random.chance(10)) return codebook_type(static_cast<int>(random.number(1, 8)));
  return random.pick(all_element_types());
}

Shape random_shape(Random& random, int rank) {
  Shape shape;
  for (int i = 0; i < rank; ++i) shape.push_back(std::int64_t{1} << random.number(0, 5));
  return shape;
}

layouts::SharedLayout random_shared(Random& random, const Shape& shape, int bits) {
  using layouts::SharedLayout;
  const std::vector<layouts::Swizzle> swizzles = {layouts::kNoSwizzle, layouts::kSwizzle32,
                                                  layouts::kSwizzle128, layouts::Swizzle{3, 2, 4}};
  switch (random.number(0, 3)) {
    case 0:
      return SharedLayout::column_major(shape, bits, random.pick(swizzles));
    case 1:
      return SharedLayout::padded(shape, bits, random.number(0, 8));
    case 2:
      if (const auto boxed = SharedLayout::boxed(shape, bits, 32, random.pick(swizzles))) {
        return *boxed;
      }
      [[fallthrough]];
    default:
      return SharedLayout::row_major(shape, random.chance(10) ? 8 : bits, random.pick(swizzles));
  }
}

layouts::PackedAtom random_atom(Random& random, int bits) {
  const auto encodings = layouts::Encoding::all(bits);
  for (int attempt = 0; attempt < 8; ++attempt) {
    const auto atom = layouts::PackedAtom::make(
        layouts::PackedAtom(layouts::Encoding::dense(bits)).lanes(), random.pick(encodings));
    if (atom) return *atom;
  }
  return layouts::PackedAtom(layouts::Encoding::dense(bits));
}

std::shared_ptr<const WordProgram> random_program(Random& random) {
  WordBuilder builder(static_cast<int>(random.number(1, 3)));
  Word word = builder.input(0);
  for (std::int64_t i = random.number(0, 5); i > 0; --i) {
    word = builder.and_or(builder.shl(word, static_cast<int>(random.number(0, 31))),
                          static_cast<std::uint32_t>(random.number(0, 0xffffffff)), word);
  }
  return std::make_shared<const WordProgram>(builder.finish({word, builder.constant(7)}));
}

double random_real(Random& random) {
  const std::vector<double> special = {0.0,
                                       -0.0,
                                       1.0,
                                       -0.1,
                                       1e300,
                                       5e-324,
                                       std::numeric_limits<double>::infinity(),
                                       -std::numeric_limits<double>::infinity(),
                                       std::numeric_limits<double>::quiet_NaN(),
                                       16777217.0};
  if (random.chance(50)) return random.pick(special);
  return static_cast<double>(random.number(-1000000, 1000000)) / 1024.0;
}

class Generator {
 public:
  Generator(Random& random, const RandomOptions& options) : random_(random), options_(options) {}

  Function make();

 private:
  ValueId define(Space space, bool scalar, Span span, bool variable = false);
  ValueId operand(std::uint8_t spaces, bool variable);
  InstructionPtr instruction(const InstructionInfo& row, int nesting);
  void region(Region& region, int count, int nesting);
  Span span() { return options_.spans ? random_span(random_) : Span{}; }

  Random& random_;
  const RandomOptions& options_;
  Function function_;
  std::vector<ValueId> visible_;
};

bool fits(const Value& value, std::uint8_t spaces, bool variable) {
  if (variable && !value.variable) return false;
  switch (value.type.space) {
    case Space::Register:
      return (spaces & Reg) || ((spaces & Scalar) && value.type.is_scalar());
    case Space::Shared:
      return spaces & Shared;
    case Space::Global:
      return spaces & Global;
    case Space::Barrier:
      return spaces & Bar;
  }
  return false;
}

Space space_of(Random& random, std::uint8_t spaces) {
  std::vector<Space> all;
  if (spaces & (Reg | Scalar)) all.push_back(Space::Register);
  if (spaces & Shared) all.push_back(Space::Shared);
  if (spaces & Global) all.push_back(Space::Global);
  if (spaces & Bar) all.push_back(Space::Barrier);
  return random.pick(all);
}

ValueId Generator::define(Space space, bool scalar, Span span, bool variable) {
  Type type = random_type(random_, space, options_.plausible);
  if (scalar) {
    type = {};
    type.element = random_element(random_);
  }
  // Numbers with gaps, as passes leave them.
  if (random_.chance(10)) function_.add_value("", {});
  const ValueId id = function_.add_value(random_.pick(kNames), std::move(type), span, variable);
  visible_.push_back(id);
  return id;
}

// A value that fits, made by a parameter when there is none.
ValueId Generator::operand(std::uint8_t spaces, bool variable) {
  for (int attempt = 0; attempt < 20 && !visible_.empty(); ++attempt) {
    const ValueId id = random_.pick(visible_);
    if (fits(function_.value(id), spaces, variable)) return id;
  }
  const ValueId id =
      define(space_of(random_, spaces), (spaces & (Reg | Scalar)) == Scalar, span(), variable);
  function_.parameters.push_back({id, random_.chance(30), true});
  return id;
}

InstructionPtr Generator::instruction(const InstructionInfo& row, int nesting) {
  auto result = std::make_unique<Instruction>();
  result->opcode = row.opcode;
  result->span = span();
  for (const OperandInfo& entry : row.operands) {
    switch (entry.role) {
      case OperandRole::In:
        result->inputs.push_back(operand(entry.spaces, false));
        break;
      case OperandRole::InOut:
        result->inputs.push_back(operand(entry.spaces, true));
        break;
      case OperandRole::Optional:
        result->inputs.push_back(random_.chance(50) ? kNoValue : operand(entry.spaces, false));
        break;
      case OperandRole::Variadic:
        for (std::int64_t i = random_.number(0, 3); i > 0; --i) {
          result->inputs.push_back(operand(entry.spaces, false));
        }
        break;
      case OperandRole::Out:
      case OperandRole::VariadicOut:
        break;
    }
  }
  for (const AttributeInfo& entry : row.attributes) {
    if (random_.chance(70)) result->set(entry.name, random_attribute(random_, entry.kind));
  }
  const int regions = row.regions >= 0 ? row.regions : static_cast<int>(random_.number(1, 3));
  for (int i = 0; i < regions; ++i) {
    const std::size_t mark = visible_.size();
    Region& inner = result->regions.emplace_back();
    for (std::int64_t n = random_.number(0, 2); n > 0; --n) {
      inner.arguments.push_back(define(Space::Register, true, span()));
    }
    region(inner, static_cast<int>(random_.number(0, 4)), nesting - 1);
    visible_.resize(mark);
  }
  for (const OperandInfo& entry : row.operands) {
    std::int64_t count = entry.role == OperandRole::Out ? 1 : 0;
    if (entry.role == OperandRole::VariadicOut) count = random_.number(0, 3);
    for (; count > 0; --count) {
      result->outputs.push_back(
          define(space_of(random_, entry.spaces), (entry.spaces & (Reg | Scalar)) == Scalar,
                 random_.chance(80) ? result->span : span(), row.opcode == Opcode::Var));
    }
  }
  return result;
}

void Generator::region(Region& region, int count, int nesting) {
  for (int i = 0; i < count; ++i) {
    const InstructionInfo& row = random_.pick(all_instructions());
    if (row.regions != 0 && nesting <= 0) continue;
    region.body.push_back(instruction(row, nesting));
  }
}

Function Generator::make() {
  Function& f = function_;
  f.name = random_.pick(kNames);
  f.span = span();
  for (std::int64_t i = random_.number(0, 3); i > 0; --i) {
    f.specialization.emplace_back(random_.pick(kNames), random_.pick(kNames));
  }
  for (std::int64_t i = random_.number(0, 3); i > 0; --i) {
    Type size;
    size.element = kI64;
    f.sizes.push_back(f.add_value(random_.pick(kSizes), size, span()));
    visible_.push_back(f.sizes.back());
  }
  for (std::int64_t i = random_.number(0, 3); i > 0; --i) f.grid.push_back(random_size(random_, 3));
  for (std::int64_t i = random_.number(0, 2); i > 0; --i) {
    Constraint constraint;
    constraint.condition = random_size(random_, 3);
    constraint.text = random_.chance(50) ? constraint.condition.to_string() : "k must fit";
    if (random_.chance(50)) constraint.message = "choose 32 \"or\" 64";
    constraint.span = span();
    f.constraints.push_back(constraint);
  }
  f.threads = static_cast<int>(random_.number(0, 1024));
  f.cluster = static_cast<int>(random_.number(1, 4));
  f.min_blocks = static_cast<int>(random_.number(0, 2));
  f.resident = random_.chance(50);
  f.comfortable = random_.chance(50);
  f.shared_bytes = random_.number(-1, 100000);
  f.target_sm = random_.chance(50) ? 80 : 0;
  for (std::int64_t i = random_.number(0, 3); i > 0; --i) {
    const ValueId id = define(Space::Global, false, span());
    f.parameters.push_back({id, true, random_.chance(80)});
  }
  if (options_.plausible) {
    f.threads = 128;
    f.grid = {layouts::SizeExpr(1)};
    f.constraints.clear();
  }
  region(f.body, options_.instructions, options_.nesting);
  return std::move(f);
}

}  // namespace

layouts::RegisterLayout random_layout(Random& random, int rank) {
  layouts::RegisterLayout layout = layouts::local(random_shape(random, rank));
  for (std::int64_t i = random.number(1, 2); i > 0; --i) {
    const Shape shape = random_shape(random, rank);
    const layouts::RegisterLayout factor = random.chance(50)   ? layouts::spatial(shape)
                                           : random.chance(50) ? layouts::column_spatial(shape)
                                                               : layouts::column_local(shape);
    if (const auto product = layouts::multiply(layout, factor)) layout = *product;
  }
  if (random.chance(20)) {
    if (const auto product = layouts::multiply(layout, layouts::replicated(2))) layout = *product;
  }
  return layout;
}

layouts::SizeExpr random_size(Random& random, int depth) {
  using layouts::SizeExpr;
  if (depth == 0 || random.chance(30)) {
    if (random.chance(40)) return SizeExpr(random.number(-4, 256));
    return random.chance(10) ? SizeExpr::symbol("device.sms")
                             : SizeExpr::symbol(random.pick(kSizes));
  }
  const std::vector<SizeExpr::Op> ops = {
      SizeExpr::Op::Add, SizeExpr::Op::Sub, SizeExpr::Op::Mul,     SizeExpr::Op::Div,
      SizeExpr::Op::Mod, SizeExpr::Op::Min, SizeExpr::Op::CeilDiv, SizeExpr::Op::Eq,
      SizeExpr::Op::Lt,  SizeExpr::Op::And, SizeExpr::Op::Not};
  return SizeExpr::make(random.pick(ops), random_size(random, depth - 1),
                        random_size(random, depth - 1));
}

Type random_type(Random& random, Space space, bool plausible) {
  Type type;
  type.space = space;
  type.element = random_element(random);
  const int rank = static_cast<int>(random.number(0, 3));
  type.shape = random_shape(random, rank);
  if (plausible && type.element.is_bool() && space != Space::Register) type.element = kF16;
  switch (space) {
    case Space::Register:
      if (rank > 0 && random.chance(60)) {
        type.layout = random_layout(random, rank);
        type.shape = type.layout->shape();
      }
      break;
    case Space::Shared:
      if (rank == 0) break;
      if (type.element.is_narrow() && random.chance(50)) {
        type.packed = random_atom(random, type.element.bits);
      } else if (random.chance(50)) {
        type.shared = plausible ? layouts::SharedLayout::row_major(type.shape, type.element.bits)
                                : random_shared(random, type.shape, type.element.bits);
      }
      break;
    case Space::Global:
      if (random.chance(60)) {
        for (int i = 0; i <= rank; ++i) {
          type.extents.push_back(plausible ? layouts::SizeExpr(random.number(1, 64))
                                           : random_size(random, 2));
        }
        type.shape = Shape(type.extents.size(), -1);
      }
      if (type.element.is_narrow() && random.chance(50)) {
        type.packed = random_atom(random, type.element.bits);
      }
      break;
    case Space::Barrier:
      type.element = kU64;
      break;
  }
  return type;
}

AttributeValue random_attribute(Random& random, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::Int:
      return random.chance(20) ? std::numeric_limits<std::int64_t>::min() : random.number(-4, 300);
    case AttributeKind::Real:
      return random_real(random);
    case AttributeKind::Bool:
      return random.chance(50);
    case AttributeKind::Name:
    case AttributeKind::Text:
      return random.pick(kNames);
    case AttributeKind::Type:
      return random_element(random);
    case AttributeKind::Shape:
      return random_shape(random, static_cast<int>(random.number(0, 3)));
    case AttributeKind::Layout:
      return random_layout(random, 2);
    case AttributeKind::Words:
      return random_program(random);
  }
  return false;
}

Function random_function(Random& random, const RandomOptions& options) {
  return Generator(random, options).make();
}

}  // namespace bitloom::vm::testing
