#include "kernels/measure/random_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "layouts/packed_atom.h"
#include "vm/numerics.h"
#include "vm/packed_type.h"

namespace bitloom::kernels {
namespace {

using runtime::HostArray;
using runtime::Result;

constexpr std::int64_t kSide = 16, kAtom = 64, kPool = kSide * kAtom;

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

RandomWeights::RandomWeights(const GemmProblem& problem, std::uint64_t seed)
    : problem_(problem), seed_(seed), pool_(*HostArray::zeros(problem.weight, {kPool, kPool})) {
  std::mt19937_64 random(seed);
  const vm::ElementType type = problem.weight;
  double largest = 0;
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    std::uint64_t code = random() & vm::code_mask(type);
    while (!std::isfinite(vm::decode(type, code))) code = random() & vm::code_mask(type);
    pool_.set_code(i, code);
    largest = std::max(largest, std::abs(vm::decode(type, code)));
  }
  const std::int64_t groups = problem.k / problem.group;
  scale_ = *HostArray::zeros(problem.scale, {groups, problem.n});
  std::uniform_real_distribution<double> draw(0.5, 1.5);
  const double unit = 2 / (std::max(largest, 1.0) * std::sqrt(static_cast<double>(problem.k)));
  for (std::size_t i = 0; i < scale_.size(); ++i)
    scale_.set_code(i, vm::encode(problem.scale, unit * draw(random)));
  if (!problem.zero) return;
  zero_ = *HostArray::zeros(*problem.zero, {groups, problem.n});
  for (std::size_t i = 0; i < zero_.size(); ++i)
    zero_.set_code(i, vm::encode(*problem.zero, std::floor(largest * draw(random) / 2)));
}

std::size_t RandomWeights::atom(std::int64_t n, std::int64_t k) const {
  return mix(seed_ ^ mix(static_cast<std::uint64_t>(n) * 0x10001 + static_cast<std::uint64_t>(k))) %
         (kSide * kSide);
}

Result<GemmWeights> RandomWeights::on(const runtime::Stream& stream) const {
  const layouts::PackedAtom order = vm::packed_atom(problem_.weight);
  const layouts::PackedTensorLayout pool(order, kPool, kPool), whole(order, problem_.n, problem_.k);
  // The layout is over (n, k), arrays are [k, n].
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(kPool * kPool));
  for (std::int64_t n = 0; n < kPool; ++n)
    for (std::int64_t k = 0; k < kPool; ++k)
      codes[static_cast<std::size_t>(n * kPool + k)] =
          static_cast<std::uint8_t>(pool_.code(static_cast<std::size_t>(k * kPool + n)));
  const std::vector<std::uint8_t> atoms = pool.pack(codes);
  const auto size = static_cast<std::size_t>(order.bytes());
  auto tensor = runtime::Tensor::allocate_packed(stream.device(), problem_.weight,
                                                 {problem_.k, problem_.n}, order);
  if (!tensor) return tl::make_unexpected(tensor.error());
  std::vector<std::byte> bytes(static_cast<std::size_t>(whole.bytes()));
  for (std::int64_t n = 0; n < whole.atoms_n(); ++n)
    for (std::int64_t k = 0; k < whole.atoms_k(); ++k)
      std::memcpy(bytes.data() + static_cast<std::size_t>(n * whole.atoms_k() + k) * size,
                  atoms.data() + atom(n, k) * size, size);
  if (auto done = tensor->buffer().upload(bytes, stream); !done)
    return tl::make_unexpected(done.error());
  return GemmWeights::from_packed(problem_, std::move(*tensor), scale_,
                                  problem_.zero ? std::optional(zero_) : std::nullopt, stream);
}

std::vector<double> RandomWeights::column(std::int64_t column) const {
  std::vector<double> numbers(static_cast<std::size_t>(problem_.k));
  for (std::int64_t k = 0; k < problem_.k; ++k) {
    const auto which = static_cast<std::int64_t>(atom(column / kAtom, k / kAtom));
    const std::int64_t n_in = which / kSide * kAtom + column % kAtom,
                       k_in = which % kSide * kAtom + k % kAtom;
    const auto group = static_cast<std::size_t>(k / problem_.group * problem_.n + column);
    const double zero = problem_.zero ? vm::decode(*problem_.zero, zero_.code(group)) : 0;
    numbers[static_cast<std::size_t>(k)] =
        (vm::decode(problem_.weight, pool_.code(static_cast<std::size_t>(k_in * kPool + n_in))) -
         zero) *
        vm::decode(problem_.scale, scale_.code(group));
  }
  return numbers;
}

Result<HostArray> random_activations(const GemmProblem& problem, bool heavy) {
  constexpr std::int64_t kSpare = 4096;  // rows begin at different places of one draw
  std::mt19937_64 random(7);
  std::normal_distribution<double> draw;
  auto x = HostArray::zeros(problem.activation, {problem.m, problem.k});
  if (!x) return x;
  auto pool = HostArray::zeros(problem.activation, {problem.k + kSpare});
  if (!pool) return pool;
  for (std::size_t i = 0; i < pool->size(); ++i)
    pool->set_code(i, vm::encode(problem.activation, draw(random)));
  const auto width = static_cast<std::size_t>(problem.activation.bits / 8),
             row = static_cast<std::size_t>(problem.k) * width;
  for (std::int64_t m = 0; m < problem.m; ++m) {
    const auto from = static_cast<std::size_t>(mix(static_cast<std::uint64_t>(m)) % kSpare);
    std::memcpy(x->bytes().data() + static_cast<std::size_t>(m) * row,
                pool->bytes().data() + from * width, row);
  }
  constexpr std::int64_t kChannels = 4;
  for (std::int64_t channel = 0; heavy && channel < kChannels; ++channel)
    for (std::int64_t m = 0; m < problem.m; ++m)
      x->set_code(
          static_cast<std::size_t>(m * problem.k + (2 * channel + 1) * problem.k / (2 * kChannels)),
          vm::encode(problem.activation, 100 * draw(random)));
  return x;
}

}  // namespace bitloom::kernels
