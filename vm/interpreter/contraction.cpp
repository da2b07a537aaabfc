// Matrix products of tiles.
//
// Operands are gathered into dense matrices, multiplied, and the result is scattered into the
// layout of the accumulator. An asynchronous product is all of that at the wait for its group.
#include <algorithm>
#include <memory>

#include "vm/interpreter/access.h"
#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/hazards.h"
#include "vm/interpreter/matmul.h"
#include "vm/interpreter/memory_checks.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {
namespace {

// In which numbers a product is computed.
enum class Field : std::uint8_t { F32, F64, I32 };

template <class T>
T number_of_code(ElementType type, std::uint64_t code) {
  if constexpr (std::is_same_v<T, std::int32_t>) {
    return static_cast<std::int32_t>(type.is_bool() ? code != 0 : decode_integer(type, code));
  } else {
    return static_cast<T>(decode(type, code));
  }
}

// Codes of 32 bits or fewer as numbers.
template <class T>
void numbers_of_codes(ElementType type, const std::uint32_t* codes, std::size_t n, T* out) {
  if constexpr (std::is_same_v<T, float>) {
    if (type == kF32 || type == kTF32) {
      const std::uint32_t mask = type == kTF32 ? ~0x1fffu : ~0u;
      for (std::size_t i = 0; i < n; ++i) out[i] = f32(codes[i] & mask);
      return;
    }
    if (type == kF16) {
      for (std::size_t i = 0; i < n; ++i) out[i] = f16_to_f32(static_cast<std::uint16_t>(codes[i]));
      return;
    }
    if (type == kBF16) {
      for (std::size_t i = 0; i < n; ++i)
        out[i] = bf16_to_f32(static_cast<std::uint16_t>(codes[i]));
      return;
    }
  }
  if (type.bits <= 8) {
    T table[256];
    for (std::uint32_t code = 0; code <= code_mask(type); ++code)
      table[code] = number_of_code<T>(type, code);
    for (std::size_t i = 0; i < n; ++i) out[i] = table[codes[i]];
    return;
  }
  for (std::size_t i = 0; i < n; ++i) out[i] = number_of_code<T>(type, codes[i]);
}

// A tile's elements, row-major.
template <class T>
std::unique_ptr<T[]> gather_tile(Strand& strand, const Tile& tile) {
  const std::size_t n = tile.lanes(), elements = tile.table->lane_of_element.size();
  const auto lanes = buffer<T>(n);
  if (tile.bits == 64) {
    const auto codes = buffer<std::uint64_t>(n);
    unpack64(strand.words(tile), tile, codes.get());
    for (std::size_t i = 0; i < n; ++i) lanes[i] = number_of_code<T>(tile.element, codes[i]);
  } else {
    const auto codes = buffer<std::uint32_t>(n);
    unpack(strand.words(tile), tile, codes.get());
    numbers_of_codes(tile.element, codes.get(), n, lanes.get());
  }
  auto dense = buffer<T>(elements);
  const std::int32_t* source = tile.table->lane_of_element.data();
  for (std::size_t e = 0; e < elements; ++e) dense[e] = lanes[source[e]];
  return dense;
}

std::uint64_t code_of_number(ElementType type, float number) {
  return type == kF32 ? f32_code(number) : encode(type, number);
}
std::uint64_t code_of_number(ElementType type, double number) {
  return encode(type, number);
}
std::uint64_t code_of_number(ElementType, std::int32_t number) {
  return static_cast<std::uint32_t>(number);
}

template <class T>
void scatter_tile(Strand& strand, const Tile& tile, const T* dense) {
  const std::int32_t* element = tile.table->element_of_lane.data();
  std::uint32_t* words = strand.words(tile);
  if (tile.bits == 32) {
    for (std::size_t lane = 0; lane < tile.lanes(); ++lane)
      words[lane] = static_cast<std::uint32_t>(code_of_number(tile.element, dense[element[lane]]));
    return;
  }
  const auto codes = buffer<std::uint64_t>(tile.lanes());
  for (std::size_t lane = 0; lane < tile.lanes(); ++lane)
    codes[lane] = code_of_number(tile.element, dense[element[lane]]);
  pack64(codes.get(), tile, words);
}

// ---- Shapes -------------------------------------------------------------------------------------

struct Product {
  MatmulShape shape;
  std::size_t batches = 1;
  Field field = Field::F32;
};

// The product of a[…, m, k] and b[…, k, n]; nullopt, reported, when they do not fit.
std::optional<Product> product_of(const Instruction& op, Compiler& compiler, const Shape& a,
                                  const Shape& b, const Shape& c, ElementType a_type,
                                  ElementType c_type) {
  const std::size_t rank = c.size();
  bool fits = rank >= 2 && a.size() == rank && b.size() == rank;
  for (std::size_t d = 0; fits && d + 2 < rank; ++d) fits = a[d] == c[d] && b[d] == c[d];
  fits = fits && a[rank - 1] == b[rank - 2] && a[rank - 2] == c[rank - 2] &&
         b[rank - 1] == c[rank - 1];
  if (!fits) {
    compiler.fail(op, "the shapes of the operands do not fit");
    return std::nullopt;
  }
  Product product;
  product.shape = {static_cast<std::size_t>(c[rank - 2]), static_cast<std::size_t>(c[rank - 1]),
                   static_cast<std::size_t>(a[rank - 1])};
  for (std::size_t d = 0; d + 2 < rank; ++d) product.batches *= static_cast<std::size_t>(c[d]);
  const bool integers = a_type.is_integer() || a_type.is_bool();
  product.field = c_type == kF64               ? Field::F64
                  : integers && c_type == kI32 ? Field::I32
                                               : Field::F32;
  return product;
}

// Calls f with a number of the field's type.
template <class F>
void in_field(Field field, F&& f) {
  switch (field) {
    case Field::F32:
      return f(float{});
    case Field::F64:
      return f(double{});
    case Field::I32:
      return f(std::int32_t{});
  }
}

template <class T>
void multiply(const Product& product, const T* a, const T* b, T* c) {
  const MatmulShape& s = product.shape;
  for (std::size_t i = 0; i < product.batches; ++i)
    matmul(s, a + i * s.m * s.k, b + i * s.k * s.n, c + i * s.m * s.n);
}

}  // namespace

void compile(const DotOp& op, Compiler& compiler) {
  const Tile a = compiler.tile(op.a()), b = compiler.tile(op.b()), c = compiler.tile(op.c()),
             d = compiler.define(op.d());
  const auto product = product_of(*op, compiler, a.shape, b.shape, c.shape, a.element, c.element);
  if (!product) return;
  if (d.shape != c.shape || d.element != c.element)
    return compiler.fail(*op, "the result is not of the accumulator's type");
  compiler.step(*op, [=, product = *product](Strand& strand, const Step&) {
    in_field(product.field, [&](auto number) {
      using T = decltype(number);
      const auto sums = gather_tile<T>(strand, c);
      multiply(product, gather_tile<T>(strand, a).get(), gather_tile<T>(strand, b).get(),
               sums.get());
      scatter_tile(strand, d, sums.get());
    });
    return Flow::Next;
  });
}

namespace {

// a[m, k / 2] with two of each four columns, as [m, k]: byte k / 8 of a row's metadata holds the
// places of two groups, the first group's in the low nibble, the first element's in its low bits.
template <class T>
std::unique_ptr<T[]> expand_sparse(const T* a, const std::int32_t* metadata, std::size_t rows,
                                   std::size_t k) {
  auto dense = buffer<T>(rows * k);
  std::fill_n(dense.get(), rows * k, T{});
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t group = 0; group < k / 4; ++group) {
      const std::int32_t places = metadata[row * (k / 8) + group / 2] >> (group % 2 * 4);
      for (std::size_t i = 0; i < 2; ++i)
        dense[row * k + group * 4 + (places >> (2 * i) & 3)] = a[row * (k / 2) + group * 2 + i];
    }
  }
  return dense;
}

}  // namespace

void compile(const SparseDotOp& op, Compiler& compiler) {
  const Tile a = compiler.tile(op.a()), metadata = compiler.tile(op.metadata()),
             b = compiler.tile(op.b()), c = compiler.tile(op.c()), d = compiler.define(op.d());
  Shape wide = a.shape;
  if (wide.size() == 2) wide[1] *= 2;
  const auto product = product_of(*op, compiler, wide, b.shape, c.shape, a.element, c.element);
  if (!product) return;
  const std::size_t rows = product->shape.m, k = product->shape.k;
  if (wide.size() != 2 || k % 8 != 0 || metadata.element != kU8 ||
      metadata.table->lane_of_element.size() != rows * (k / 8) || d.shape != c.shape ||
      d.element != c.element)
    return compiler.fail(*op, "the metadata does not fit the operands");
  compiler.step(*op, [=, product = *product](Strand& strand, const Step&) {
    const auto places = gather_tile<std::int32_t>(strand, metadata);
    in_field(product.field, [&](auto number) {
      using T = decltype(number);
      const auto dense = expand_sparse(gather_tile<T>(strand, a).get(), places.get(), rows, k);
      const auto sums = gather_tile<T>(strand, c);
      multiply(product, dense.get(), gather_tile<T>(strand, b).get(), sums.get());
      scatter_tile(strand, d, sums.get());
    });
    return Flow::Next;
  });
}

// ---- Asynchronous products ----------------------------------------------------------------------

namespace {

// An operand in shared memory: all elements of a window, row-major.
struct SharedOperand {
  std::shared_ptr<const AccessPlan> plan;
  std::uint32_t slot = 0;
  std::size_t size = 0;
  ElementType element;

  template <class T>
  std::unique_ptr<T[]> gather(const View& view) const {
    const auto elements = plan->elements_at(view, nullptr);
    const std::byte* base = base_of(plan->root(), view);
    auto dense = buffer<T>(size);
    const auto codes = buffer<std::uint32_t>(size);
    for (std::size_t i = 0; i < size; ++i)
      codes[i] = elements.number[i] == kInactive
                     ? 0
                     : static_cast<std::uint32_t>(plan->root().read(base, elements.number[i]));
    numbers_of_codes(element, codes.get(), size, dense.get());
    return dense;
  }

  // The bytes of all elements, for the hazards: one address an element.
  std::shared_ptr<std::vector<std::int64_t>> bytes(const View& view) const {
    const auto elements = plan->elements_at(view, nullptr);
    auto addresses = std::make_shared<std::vector<std::int64_t>>(size, kInactive);
    for (std::size_t i = 0; i < size; ++i)
      if (elements.number[i] != kInactive)
        (*addresses)[i] = plan->root().bytes_of(elements.number[i]).first;
    return addresses;
  }
};

std::optional<SharedOperand> shared_operand(const Instruction& op, Compiler& compiler,
                                            ValueId value) {
  const ViewInfo view = compiler.view(value);
  if (view.root->space != Space::Shared || view.root->order == Root::Order::Packed ||
      view.root->bits > 32 || view.root->bits % 8 != 0) {
    compiler.fail(op, "an operand of a warpgroup product is a plain tile in shared memory");
    return std::nullopt;
  }
  SharedOperand operand;
  operand.slot = view.slot;
  operand.size = static_cast<std::size_t>(layouts::size(view.extents));
  operand.element = view.root->element;
  operand.plan = std::make_shared<const AccessPlan>(view, LaneShape::whole(view), Shape{}, 0);
  return operand;
}

// Marks an operand as being read, until the function that it returns is called.
std::function<void(Strand&)> read_in_flight(Strand& strand, const Step& step,
                                            const SharedOperand& operand, const View& view) {
  Hazards* hazards = strand.cluster->hazards.get();
  if (!hazards) return [](Strand&) {};
  const auto addresses = operand.bytes(view);
  const auto all_bytes = [addresses, operand, view]() {
    Touch touch;
    touch.address = addresses->data();
    touch.offset = view.base;
    touch.count = addresses->size();
    touch.width = operand.plan->root().bits / 8;
    touch.by = Touch::By::Strand;
    touch.async_proxy = true;
    touch.element = [operand, view](std::size_t i) {
      return element_name(operand.plan->root(), operand.plan->coordinates(view, i));
    };
    return touch;
  };
  const std::uint32_t flight = hazards->start_read(strand, step, *view.block, all_bytes());
  return [=](Strand& lander) {
    hazards->land_read(flight, *view.block, all_bytes(), hazards->by_tensor(lander));
    hazards->end_flight(flight);
  };
}

}  // namespace

void compile(const DotAsyncOp& op, Compiler& compiler) {
  const Tile acc = compiler.variable(op.acc());
  const bool a_in_registers = compiler.type(op.a()).is_register();
  Tile a_tile;
  std::optional<SharedOperand> a;
  if (a_in_registers) {
    a_tile = compiler.tile(op.a());
  } else {
    a = shared_operand(*op, compiler, op.a());
  }
  const auto b = shared_operand(*op, compiler, op.b());
  if (!b || (!a_in_registers && !a)) return;
  const Shape a_shape = a_in_registers ? a_tile.shape : a->plan->view().extents;
  const ElementType a_type = a_in_registers ? a_tile.element : a->element;
  const auto product =
      product_of(*op, compiler, a_shape, b->plan->view().extents, acc.shape, a_type, acc.element);
  if (!product) return;
  const bool zero = op->flag("zero");
  compiler.step(*op, [=, b = *b, product = *product](Strand& strand, const Step& step) {
    const View b_view = strand.views[b.slot];
    const View a_view = a ? strand.views[a->slot] : View{};
    std::vector<const SharedOperand*> operands{&b};
    if (a) operands.push_back(&*a);
    for (const SharedOperand* operand : operands) {
      const View& view = operand == &b ? b_view : a_view;
      const auto elements = operand->plan->elements_at(view, nullptr);
      if (elements.fault) report_outside(strand, step, *operand->plan, view, *elements.fault);
    }
    const auto b_done = read_in_flight(strand, step, b, b_view);
    const auto a_done = a ? read_in_flight(strand, step, *a, a_view) : [](Strand&) {};
    Hazards* hazards = strand.cluster->hazards.get();
    if (hazards) {
      hazards->hold(strand, step, acc.offset, true);
      if (a_in_registers) hazards->hold(strand, step, a_tile.offset, false);
    }
    const Tick issued = strand.cluster->tick;
    Pending pending;
    pending.step = &step;
    pending.finish = [=](Strand& lander) {
      in_field(product.field, [&](auto number) {
        using T = decltype(number);
        auto sums = zero ? buffer<T>(product.shape.m * product.shape.n * product.batches)
                         : gather_tile<T>(lander, acc);
        if (zero) std::fill_n(sums.get(), product.shape.m * product.shape.n * product.batches, T{});
        const auto left = a ? a->gather<T>(a_view) : gather_tile<T>(lander, a_tile);
        multiply(product, left.get(), b.gather<T>(b_view).get(), sums.get());
        scatter_tile(lander, acc, sums.get());
      });
      b_done(lander);
      a_done(lander);
      if (!hazards) return;
      hazards->let_go(lander, acc.offset);
      if (a_in_registers) hazards->let_go(lander, a_tile.offset);
      hazards->dots_done(lander, issued);
    };
    strand.dots.open.push_back(std::move(pending));
    return Flow::Next;
  });
}

void compile(const DotCommitOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    strand.dots.commit();
    return Flow::Next;
  });
}

void compile(const DotWaitOp& op, Compiler& compiler) {
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, op->integer("pending")));
  compiler.step(*op, [=](Strand& strand, const Step&) {
    while (strand.dots.closed.size() > left) {
      for (Pending& dot : strand.dots.closed.front()) dot.finish(strand);
      strand.dots.closed.pop_front();
    }
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
