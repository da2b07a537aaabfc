// The CUDA driver API as far as Bitloom calls it, declared here because the toolkit's cuda.h is not
// needed to build. Names and numbers are those of cuda.h 12 and 13, where they are ABI and do not
// change.
//
// The handles are the driver's own (global) types, so that a program which includes cuda.h too can
// pass its streams and contexts.
#pragma once

#include <cstddef>
#include <cstdint>

struct CUctx_st;
struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace bitloom::cuda {

using CUcontext = ::CUctx_st*;
using CUmodule = ::CUmod_st*;
using CUfunction = ::CUfunc_st*;
using CUstream = ::CUstream_st*;
using CUevent = ::CUevent_st*;
using CUgraph = ::CUgraph_st*;
using CUgraphExec = ::CUgraphExec_st*;
using CUdevice = int;
using CUdeviceptr = unsigned long long;

enum CUresult : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 100,
  kNoBinaryForGpu = 209,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719,
  kCooperativeLaunchTooLarge = 720,
};

enum CUdevice_attribute : int {
  kMultiprocessorCount = 16,
  kL2CacheSize = 38,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMaxSharedMemoryPerBlockOptin = 97,
};

enum CUfunction_attribute : int {
  kSharedSizeBytes = 1,
  kLocalSizeBytes = 3,
  kNumRegs = 4,
  kMaxDynamicSharedSizeBytes = 8,
  kNonPortableClusterSizeAllowed = 14,
};

enum CUstreamCaptureStatus : int { kCaptureNone = 0, kCaptureActive = 1, kCaptureInvalidated = 2 };
enum CUstreamCaptureMode : int { kCaptureGlobal = 0, kCaptureThreadLocal = 1, kCaptureRelaxed = 2 };
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDisableTiming = 2;

enum CUlaunchAttributeID : int {
  kAttributeCooperative = 2,
  kAttributeProgrammaticStreamSerialization = 6,
};
struct CUlaunchAttribute {
  CUlaunchAttributeID id;
  char pad[4];
  union {
    char bytes[64];
    int number;
  } value;
};
struct CUlaunchConfig {
  unsigned gridDimX, gridDimY, gridDimZ;
  unsigned blockDimX, blockDimY, blockDimZ;
  unsigned sharedMemBytes;
  CUstream hStream;
  CUlaunchAttribute* attrs;
  unsigned numAttrs;
};

struct alignas(64) CUtensorMap {
  std::uint64_t opaque[16];
};
enum CUtensorMapDataType : int {
  kMapUint8 = 0,
  kMapUint16,
  kMapUint32,
  kMapInt32,
  kMapUint64,
  kMapInt64,
  kMapFloat16,
  kMapFloat32,
  kMapFloat64,
  kMapBFloat16,
};
enum CUtensorMapInterleave : int { kInterleaveNone = 0 };
enum CUtensorMapSwizzle : int { kMapSwizzleNone = 0, kMapSwizzle32, kMapSwizzle64, kMapSwizzle128 };
enum CUtensorMapL2promotion : int {
  kPromotionNone = 0,
  kPromotion64,
  kPromotion128,
  kPromotion256
};
enum CUtensorMapFloatOOBfill : int { kFillZeros = 0 };

}  // namespace bitloom::cuda
