#include "kernels/index/device_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernels/index/cub_calls.h"
#include "runtime/device_state.h"

namespace bitloom::kernels {

using runtime::Buffer;
using runtime::failure;
using runtime::HostArray;
using runtime::Result;
using runtime::Stream;
using runtime::Tensor;

void exclusive_scan(std::span<const std::int32_t> counts, std::span<std::int32_t> sums) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i <= counts.size() && i < sums.size(); ++i) {
    sums[i] = static_cast<std::int32_t>(sum);
    if (i < counts.size()) sum += static_cast<std::uint32_t>(counts[i]);
  }
}

void sort_descending(std::span<float> keys, std::span<std::int32_t> places) {
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](std::int32_t a, std::int32_t b) {
    return keys[static_cast<std::size_t>(a)] > keys[static_cast<std::size_t>(b)];
  });
  const std::vector<float> unsorted(keys.begin(), keys.end());
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i] = unsorted[static_cast<std::size_t>(places[i])];
}

std::int64_t select_marked(std::span<const std::int32_t> marks, std::span<std::int32_t> places) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < marks.size(); ++i)
    if (marks[i] != 0) places[static_cast<std::size_t>(count++)] = static_cast<std::int32_t>(i);
  return count;
}

namespace {

// A dense tensor of one dimension, of the type and length.
Result<void> expect(const Tensor& t, const char* name, vm::ElementType type, std::int64_t length) {
  if (t.element() == type && t.is_dense() && !t.packed() && t.shape() == runtime::Shape{length})
    return {};
  return failure("BL1105",
                 fmt::format("{} is {}{} where {}[{}] is needed", name, vm::to_string(t.element()),
                             runtime::to_string(t.shape()), vm::to_string(type), length));
}

std::int64_t length_of(const Tensor& t) {
  return t.shape().empty() ? 0 : t.shape()[0];
}

#if BITLOOM_HAS_CUB

template <class T>
T* data(const Tensor& t) {
  return static_cast<T*>(t.address());
}

// Asks how much scratch memory a call wants, and makes it.
template <class Call>
Result<void> with_scratch(const Stream& stream, Call call) {
  const runtime::CurrentContext current(*stream.device().state());
  std::size_t bytes = 0;
  int error = call(nullptr, &bytes);
  if (error == 0) {
    const Result<Buffer> scratch =
        Buffer::allocate(stream.device(), std::max<std::size_t>(bytes, 1));
    if (!scratch) return tl::make_unexpected(scratch.error());
    error = call(scratch->address(), &bytes);
    // the memory must live until the work is done
    if (error == 0) return stream.synchronize();
  }
  return failure("BL0801", fmt::format("a call of CUB failed with CUDA error {}", error));
}

#endif

}  // namespace

#if BITLOOM_HAS_CUB

bool has_device_index() {
  return true;
}

Result<void> exclusive_scan(const Stream& stream, const Tensor& counts, const Tensor& sums) {
  const std::int64_t n = length_of(counts);
  if (auto done = expect(counts, "counts", vm::kI32, n); !done) return done;
  if (auto done = expect(sums, "sums", vm::kI32, n + 1); !done) return done;
  // sums[0] = 0, and behind it the running sums with each count in
  return with_scratch(stream, [&](void* scratch, std::size_t* bytes) {
    if (scratch != nullptr) {
      const int cleared = bitloom_cub_count_up(data<std::int32_t>(sums), 1, stream.handle());
      if (cleared != 0) return cleared;
    }
    return bitloom_cub_inclusive_scan(scratch, bytes, data<std::int32_t>(counts),
                                      data<std::int32_t>(sums) + 1, n, stream.handle());
  });
}

Result<void> sort_descending(const Stream& stream, const Tensor& keys, const Tensor& places) {
  const std::int64_t n = length_of(keys);
  if (auto done = expect(keys, "keys", vm::kF32, n); !done) return done;
  if (auto done = expect(places, "places", vm::kI32, n); !done) return done;
  const Result<Tensor> unsorted = keys.to(stream);
  const Result<Tensor> order = Tensor::allocate(stream.device(), vm::kI32, {n});
  if (!unsorted) return tl::make_unexpected(unsorted.error());
  if (!order) return tl::make_unexpected(order.error());
  return with_scratch(stream, [&](void* scratch, std::size_t* bytes) {
    if (scratch != nullptr) {
      const int counted = bitloom_cub_count_up(data<std::int32_t>(*order), n, stream.handle());
      if (counted != 0) return counted;
    }
    return bitloom_cub_sort_descending(scratch, bytes, data<float>(*unsorted), data<float>(keys),
                                       data<std::int32_t>(*order), data<std::int32_t>(places), n,
                                       stream.handle());
  });
}

Result<std::int64_t> select_marked(const Stream& stream, const Tensor& marks,
                                   const Tensor& places) {
  const std::int64_t n = length_of(marks);
  if (auto done = expect(marks, "marks", vm::kI32, n); !done)
    return tl::make_unexpected(done.error());
  if (auto done = expect(places, "places", vm::kI32, n); !done)
    return tl::make_unexpected(done.error());
  const Result<Tensor> count = Tensor::zeros(stream, vm::signed_type(64), {1});
  if (!count) return tl::make_unexpected(count.error());
  const auto done = with_scratch(stream, [&](void* scratch, std::size_t* bytes) {
    return bitloom_cub_select(scratch, bytes, data<std::int32_t>(marks), data<std::int32_t>(places),
                              data<std::int64_t>(*count), n, stream.handle());
  });
  if (!done) return tl::make_unexpected(done.error());
  const Result<HostArray> host = count->to_host(stream);
  if (!host) return tl::make_unexpected(host.error());
  return host->as<std::int64_t>()[0];
}

#else

bool has_device_index() {
  return false;
}

Result<void> exclusive_scan(const Stream& stream, const Tensor& counts, const Tensor& sums) {
  const std::int64_t n = length_of(counts);
  if (auto done = expect(counts, "counts", vm::kI32, n); !done) return done;
  if (auto done = expect(sums, "sums", vm::kI32, n + 1); !done) return done;
  const Result<HostArray> in = counts.to_host(stream);
  Result<HostArray> out = HostArray::zeros(vm::kI32, {n + 1});
  if (!in) return tl::make_unexpected(in.error());
  if (!out) return tl::make_unexpected(out.error());
  exclusive_scan(in->as<std::int32_t>(), out->as<std::int32_t>());
  return sums.upload(*out, stream);
}

Result<void> sort_descending(const Stream& stream, const Tensor& keys, const Tensor& places) {
  const std::int64_t n = length_of(keys);
  if (auto done = expect(keys, "keys", vm::kF32, n); !done) return done;
  if (auto done = expect(places, "places", vm::kI32, n); !done) return done;
  Result<HostArray> sorted = keys.to_host(stream);
  Result<HostArray> order = HostArray::zeros(vm::kI32, {n});
  if (!sorted) return tl::make_unexpected(sorted.error());
  if (!order) return tl::make_unexpected(order.error());
  sort_descending(sorted->as<float>(), order->as<std::int32_t>());
  if (auto done = keys.upload(*sorted, stream); !done) return done;
  return places.upload(*order, stream);
}

Result<std::int64_t> select_marked(const Stream& stream, const Tensor& marks,
                                   const Tensor& places) {
  const std::int64_t n = length_of(marks);
  if (auto done = expect(marks, "marks", vm::kI32, n); !done)
    return tl::make_unexpected(done.error());
  if (auto done = expect(places, "places", vm::kI32, n); !done)
    return tl::make_unexpected(done.error());
  const Result<HostArray> host = marks.to_host(stream);
  Result<HostArray> chosen = places.to_host(stream);
  if (!host) return tl::make_unexpected(host.error());
  if (!chosen) return tl::make_unexpected(chosen.error());
  const std::int64_t count = select_marked(host->as<std::int32_t>(), chosen->as<std::int32_t>());
  if (auto done = places.upload(*chosen, stream); !done) return tl::make_unexpected(done.error());
  return count;
}

#endif

}  // namespace bitloom::kernels
