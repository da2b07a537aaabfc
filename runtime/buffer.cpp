#include "runtime/buffer.h"

#include <fmt/format.h>

#include "runtime/device_state.h"

namespace bitloom::runtime {
namespace {

cuda::CUdeviceptr number(void* address) {
  return reinterpret_cast<cuda::CUdeviceptr>(address);
}

Result<void> too_long(std::string_view what, std::size_t bytes, std::size_t have) {
  return failure("BL0421",
                 fmt::format("{} of {} bytes, where the buffer has {}", what, bytes, have));
}

}  // namespace

Result<Buffer> Buffer::allocate(const Device& device, std::size_t bytes) {
  const std::shared_ptr<DeviceState>& state = device.state();
  if (bytes == 0) return Buffer(device, nullptr, 0);
  const CurrentContext current(*state);
  cuda::CUdeviceptr address = 0;
  if (auto done = state->check((*state)->cuMemAlloc(&address, bytes),
                               fmt::format("cuMemAlloc of {} bytes on {}", bytes, state->name));
      !done) {
    return tl::make_unexpected(done.error());
  }
  const auto release = [state](void* memory) {
    const CurrentContext scope(*state);
    (*state)->cuMemFree(number(memory));
  };
  return Buffer(device, std::shared_ptr<void>(reinterpret_cast<void*>(address), release), bytes);
}

Buffer Buffer::borrow(const Device& device, void* address, std::size_t bytes,
                      std::shared_ptr<void> owner) {
  return Buffer(device, std::shared_ptr<void>(std::move(owner), address), bytes);
}

Result<void> Buffer::upload(std::span<const std::byte> from, const Stream& stream) const {
  if (from.size() > bytes_) return too_long("an upload", from.size(), bytes_);
  if (from.empty()) return {};
  DeviceState& state = *device_.state();
  const CurrentContext current(state);
  if (auto done = state.check(
          state->cuMemcpyHtoDAsync(number(address()), from.data(), from.size(), stream.handle()),
          "cuMemcpyHtoDAsync");
      !done) {
    return done;
  }
  return stream.synchronize();
}

Result<void> Buffer::download(std::span<std::byte> into, const Stream& stream) const {
  if (into.size() > bytes_) return too_long("a download", into.size(), bytes_);
  if (into.empty()) return {};
  DeviceState& state = *device_.state();
  const CurrentContext current(state);
  if (auto done = state.check(
          state->cuMemcpyDtoHAsync(into.data(), number(address()), into.size(), stream.handle()),
          "cuMemcpyDtoHAsync");
      !done) {
    return done;
  }
  return stream.synchronize();
}

Result<void> Buffer::copy_to(const Buffer& other, const Stream& stream) const {
  if (bytes_ > other.bytes_) return too_long("a copy", bytes_, other.bytes_);
  if (bytes_ == 0) return {};
  DeviceState& state = *stream.device().state();
  const CurrentContext current(state);
  if (auto done = state.check(
          state->cuMemcpyAsync(number(other.address()), number(address()), bytes_, stream.handle()),
          "cuMemcpyAsync");
      !done) {
    return done;
  }
  return stream.synchronize();
}

Result<void> Buffer::fill(std::byte value, const Stream& stream) const {
  if (bytes_ == 0) return {};
  DeviceState& state = *device_.state();
  const CurrentContext current(state);
  return state.check(state->cuMemsetD8Async(number(address()), static_cast<unsigned char>(value),
                                            bytes_, stream.handle()),
                     "cuMemsetD8Async");
}

}  // namespace bitloom::runtime
