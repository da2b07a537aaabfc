// softmax T=f32 B=1024 for sm_80
#pragma nv_diag_suppress 177,550
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#define DI static __device__ __forceinline__
#define add_f32_to(d, x0, x1) asm("add.rn.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
#define div_f32_to(d, x0, x1) asm("div.rn.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
#define ex2_approx_f32_to(d, x0) asm("ex2.approx.f32 %0,%1;" : "=r"(d) : "r"((u32)(x0)))
DI u32 ld_global_4_if(u64 x0, u32 x1) { u32 d; asm volatile("{.reg .pred p; .reg .b32 t<1>; setp.ne.u32 p, %2, 0; mov.b32 t0, 0; @p ld.global.b32 t0, [%1]; mov.b32 %0, t0;}" : "=r"(d) : "l"(x0), "r"(x1)); return d; }
DI u32 ld_shared_4(u32 x0) { u32 d; asm volatile("ld.shared.b32 %0, [%1];" : "=r"(d) : "r"(x0)); return d; }
#define max_f32_to(d, x0, x1) asm("max.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
#define mul_f32_to(d, x0, x1) asm("mul.rn.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
template <int N1> DI u32 shuffle_xor(u32 x0) { u32 d; asm volatile("shfl.sync.bfly.b32 %0,%1,%2,0x1f,0xffffffff;" : "=r"(d) : "r"(x0), "n"(N1)); return d; }
#define st_global_4_if(x0, x1, x2) asm volatile("{.reg .pred p; setp.ne.u32 p, %2, 0; @p st.global.b32 [%0], %1;}" :  : "l"((u64)(x0)), "r"((u32)(x1)), "r"((u32)(x2)) : "memory")
#define st_shared_4(x0, x1) asm volatile("st.shared.b32 [%0], %1;" :  : "r"((u32)(x0)), "r"((u32)(x1)) : "memory")
#define sub_f32_to(d, x0, x1) asm("sub.rn.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
#define sync_block() asm volatile("bar.sync 0;" :  :  : "memory")
extern "C" __global__ void __launch_bounds__(256, 1) softmax(
    unsigned char* x_2,
    unsigned char* y_3,
    const s64 rows_0,
    const s64 n_1) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const u32 sm = (u32)__cvta_generic_to_shared(shared);
  constexpr u32 scratch_block = 0, scratch_bytes_block = 32;
  const u32 tid = threadIdx.x;
  const int block_x_4 = (int)blockIdx.x;
  const int n_10 = (int)max(min(n_1, 2147483647ll), -2147483648ll);
  const u32 at0_ = tid;
  u32 column_5w0, column_5w1, column_5w2, column_5w3;
  column_5w0 = at0_;
  column_5w1 = at0_ + 256;
  column_5w2 = at0_ + 512;
  column_5w3 = at0_ + 768;
  u32 top_7w0;
  top_7w0 = 0xff800000u;
  u32 total_9w0;
  total_9w0 = 0u;
  const int v_12 = (int)((u32)n_10 + 1023u);
  const int v_14 = (int)(v_12 / (int)1024u);
  #pragma unroll 1
  for (int t_17 = (int)0u; t_17 < v_14; t_17 += 1) {
    const int v_19 = (int)((u32)t_17 * 1024u);
    const int v_20 = (int)((u32)n_10 - (u32)v_19);
    const u32 all1_ = (u32)v_20;
    bool v_22w0, v_22w1, v_22w2, v_22w3;
    v_22w0 = (int)column_5w0 < (int)all1_;
    v_22w1 = (int)column_5w1 < (int)all1_;
    v_22w2 = (int)column_5w2 < (int)all1_;
    v_22w3 = (int)column_5w3 < (int)all1_;
    const s64 v_25 = (s64)block_x_4;
    const s64 v_26 = (s64)v_19;
    const s64 x2_ = (s64)v_25;
    const s64 x3_ = (s64)v_26 + (s64)tid;
    const u64 p4_ = (u64)x_2 + (u64)(x2_ * n_1 + x3_) * 4;
    u32 v_28w0, v_28w1, v_28w2, v_28w3;
    const bool in5_ = (u64)(x2_) < (u64)rows_0;
    const bool in6_ = (u64)(x3_) < (u64)n_1;
    v_28w0 = ld_global_4_if(p4_, in5_ && in6_);
    const bool in7_ = (u64)(x3_ + 256) < (u64)n_1;
    v_28w1 = ld_global_4_if(p4_ + 1024, in5_ && in7_);
    const bool in8_ = (u64)(x3_ + 512) < (u64)n_1;
    v_28w2 = ld_global_4_if(p4_ + 2048, in5_ && in8_);
    const bool in9_ = (u64)(x3_ + 768) < (u64)n_1;
    v_28w3 = ld_global_4_if(p4_ + 3072, in5_ && in9_);
    u32 v_30w0, v_30w1, v_30w2, v_30w3;
    v_30w0 = (v_22w0 ? v_28w0 : 0xff800000u);
    v_30w1 = (v_22w1 ? v_28w1 : 0xff800000u);
    v_30w2 = (v_22w2 ? v_28w2 : 0xff800000u);
    v_30w3 = (v_22w3 ? v_28w3 : 0xff800000u);
    u32 f10_ = v_30w0;
    u32 t11_; max_f32_to(t11_, f10_, v_30w1);
    f10_ = t11_;
    u32 t12_; max_f32_to(t12_, f10_, v_30w2);
    f10_ = t12_;
    u32 t13_; max_f32_to(t13_, f10_, v_30w3);
    f10_ = t13_;
    const u32 g14_ = shuffle_xor<1>(f10_);
    u32 t15_; max_f32_to(t15_, f10_, g14_);
    f10_ = t15_;
    const u32 g16_ = shuffle_xor<2>(f10_);
    u32 t17_; max_f32_to(t17_, f10_, g16_);
    f10_ = t17_;
    const u32 g18_ = shuffle_xor<4>(f10_);
    u32 t19_; max_f32_to(t19_, f10_, g18_);
    f10_ = t19_;
    const u32 g20_ = shuffle_xor<8>(f10_);
    u32 t21_; max_f32_to(t21_, f10_, g20_);
    f10_ = t21_;
    const u32 g22_ = shuffle_xor<16>(f10_);
    u32 t23_; max_f32_to(t23_, f10_, g22_);
    f10_ = t23_;
    sync_block();
    const u32 part24_ = (tid >> 5);
    if ((tid & 31u) == 0) {
      const u32 s25_ = (sm + scratch_block) + (u32)part24_ * 4;
      st_shared_4(s25_, f10_);
    }
    sync_block();
    {
      const u32 s26_ = (sm + scratch_block) + (u32)0u * 4;
      const u32 w27_ = ld_shared_4(s26_);
      f10_ = w27_;
    }
    #pragma unroll
    for (u32 i28_ = 1; i28_ < 8; ++i28_) {
      const u32 s29_ = (sm + scratch_block) + (u32)i28_ * 4;
      const u32 w30_ = ld_shared_4(s29_);
      u32 t31_; max_f32_to(t31_, f10_, w30_);
      f10_ = t31_;
    }
    u32 part32_w0;
    part32_w0 = f10_;
    u32 next_32w0;
    u32 t33_; max_f32_to(t33_, top_7w0, part32_w0);
    next_32w0 = t33_;
    u32 v_33w0;
    u32 t34_; sub_f32_to(t34_, top_7w0, next_32w0);
    v_33w0 = t34_;
    u32 v_35w0;
    u32 t35_; mul_f32_to(t35_, v_33w0, 0x3fb8aa3bu);
    v_35w0 = t35_;
    u32 v_36w0;
    u32 t36_; ex2_approx_f32_to(t36_, v_35w0);
    v_36w0 = t36_;
    u32 v_37w0;
    u32 t37_; mul_f32_to(t37_, total_9w0, v_36w0);
    v_37w0 = t37_;
    u32 v_38w0, v_38w1, v_38w2, v_38w3;
    v_38w0 = next_32w0;
    v_38w1 = next_32w0;
    v_38w2 = next_32w0;
    v_38w3 = next_32w0;
    u32 v_39w0, v_39w1, v_39w2, v_39w3;
    u32 t38_; sub_f32_to(t38_, v_30w0, v_38w0);
    v_39w0 = t38_;
    u32 t39_; sub_f32_to(t39_, v_30w1, v_38w1);
    v_39w1 = t39_;
    u32 t40_; sub_f32_to(t40_, v_30w2, v_38w2);
    v_39w2 = t40_;
    u32 t41_; sub_f32_to(t41_, v_30w3, v_38w3);
    v_39w3 = t41_;
    u32 v_41w0, v_41w1, v_41w2, v_41w3;
    u32 t42_; mul_f32_to(t42_, v_39w0, 0x3fb8aa3bu);
    v_41w0 = t42_;
    u32 t43_; mul_f32_to(t43_, v_39w1, 0x3fb8aa3bu);
    v_41w1 = t43_;
    u32 t44_; mul_f32_to(t44_, v_39w2, 0x3fb8aa3bu);
    v_41w2 = t44_;
    u32 t45_; mul_f32_to(t45_, v_39w3, 0x3fb8aa3bu);
    v_41w3 = t45_;
    u32 v_42w0, v_42w1, v_42w2, v_42w3;
    u32 t46_; ex2_approx_f32_to(t46_, v_41w0);
    v_42w0 = t46_;
    u32 t47_; ex2_approx_f32_to(t47_, v_41w1);
    v_42w1 = t47_;
    u32 t48_; ex2_approx_f32_to(t48_, v_41w2);
    v_42w2 = t48_;
    u32 t49_; ex2_approx_f32_to(t49_, v_41w3);
    v_42w3 = t49_;
    u32 f50_ = v_42w0;
    u32 t51_; add_f32_to(t51_, f50_, v_42w1);
    f50_ = t51_;
    u32 t52_; add_f32_to(t52_, f50_, v_42w2);
    f50_ = t52_;
    u32 t53_; add_f32_to(t53_, f50_, v_42w3);
    f50_ = t53_;
    const u32 g54_ = shuffle_xor<1>(f50_);
    u32 t55_; add_f32_to(t55_, f50_, g54_);
    f50_ = t55_;
    const u32 g56_ = shuffle_xor<2>(f50_);
    u32 t57_; add_f32_to(t57_, f50_, g56_);
    f50_ = t57_;
    const u32 g58_ = shuffle_xor<4>(f50_);
    u32 t59_; add_f32_to(t59_, f50_, g58_);
    f50_ = t59_;
    const u32 g60_ = shuffle_xor<8>(f50_);
    u32 t61_; add_f32_to(t61_, f50_, g60_);
    f50_ = t61_;
    const u32 g62_ = shuffle_xor<16>(f50_);
    u32 t63_; add_f32_to(t63_, f50_, g62_);
    f50_ = t63_;
    sync_block();
    const u32 part64_ = (tid >> 5);
    if ((tid & 31u) == 0) {
      const u32 s65_ = (sm + scratch_block) + (u32)part64_ * 4;
      st_shared_4(s65_, f50_);
    }
    sync_block();
    {
      const u32 s66_ = (sm + scratch_block) + (u32)0u * 4;
      const u32 w67_ = ld_shared_4(s66_);
      f50_ = w67_;
    }
    #pragma unroll
    for (u32 i68_ = 1; i68_ < 8; ++i68_) {
      const u32 s69_ = (sm + scratch_block) + (u32)i68_ * 4;
      const u32 w70_ = ld_shared_4(s69_);
      u32 t71_; add_f32_to(t71_, f50_, w70_);
      f50_ = t71_;
    }
    u32 part72_w0;
    part72_w0 = f50_;
    u32 v_44w0;
    u32 t73_; add_f32_to(t73_, v_37w0, part72_w0);
    v_44w0 = t73_;
    total_9w0 = v_44w0;
    top_7w0 = next_32w0;
  }
  u32 scale_46w0;
  u32 t74_; div_f32_to(t74_, 0x3f800000u, total_9w0);
  scale_46w0 = t74_;
  #pragma unroll 1
  for (int t_53 = (int)0u; t_53 < v_14; t_53 += 1) {
    const int v_55 = (int)((u32)t_53 * 1024u);
    const s64 v_56 = (s64)block_x_4;
    const s64 v_57 = (s64)v_55;
    const s64 x75_ = (s64)v_56;
    const s64 x76_ = (s64)v_57 + (s64)tid;
    const u64 p77_ = (u64)x_2 + (u64)(x75_ * n_1 + x76_) * 4;
    u32 v_59w0, v_59w1, v_59w2, v_59w3;
    const bool in78_ = (u64)(x75_) < (u64)rows_0;
    const bool in79_ = (u64)(x76_) < (u64)n_1;
    v_59w0 = ld_global_4_if(p77_, in78_ && in79_);
    const bool in80_ = (u64)(x76_ + 256) < (u64)n_1;
    v_59w1 = ld_global_4_if(p77_ + 1024, in78_ && in80_);
    const bool in81_ = (u64)(x76_ + 512) < (u64)n_1;
    v_59w2 = ld_global_4_if(p77_ + 2048, in78_ && in81_);
    const bool in82_ = (u64)(x76_ + 768) < (u64)n_1;
    v_59w3 = ld_global_4_if(p77_ + 3072, in78_ && in82_);
    u32 v_64w0, v_64w1, v_64w2, v_64w3;
    v_64w0 = top_7w0;
    v_64w1 = top_7w0;
    v_64w2 = top_7w0;
    v_64w3 = top_7w0;
    u32 v_65w0, v_65w1, v_65w2, v_65w3;
    u32 t83_; sub_f32_to(t83_, v_59w0, v_64w0);
    v_65w0 = t83_;
    u32 t84_; sub_f32_to(t84_, v_59w1, v_64w1);
    v_65w1 = t84_;
    u32 t85_; sub_f32_to(t85_, v_59w2, v_64w2);
    v_65w2 = t85_;
    u32 t86_; sub_f32_to(t86_, v_59w3, v_64w3);
    v_65w3 = t86_;
    u32 v_67w0, v_67w1, v_67w2, v_67w3;
    u32 t87_; mul_f32_to(t87_, v_65w0, 0x3fb8aa3bu);
    v_67w0 = t87_;
    u32 t88_; mul_f32_to(t88_, v_65w1, 0x3fb8aa3bu);
    v_67w1 = t88_;
    u32 t89_; mul_f32_to(t89_, v_65w2, 0x3fb8aa3bu);
    v_67w2 = t89_;
    u32 t90_; mul_f32_to(t90_, v_65w3, 0x3fb8aa3bu);
    v_67w3 = t90_;
    u32 v_68w0, v_68w1, v_68w2, v_68w3;
    u32 t91_; ex2_approx_f32_to(t91_, v_67w0);
    v_68w0 = t91_;
    u32 t92_; ex2_approx_f32_to(t92_, v_67w1);
    v_68w1 = t92_;
    u32 t93_; ex2_approx_f32_to(t93_, v_67w2);
    v_68w2 = t93_;
    u32 t94_; ex2_approx_f32_to(t94_, v_67w3);
    v_68w3 = t94_;
    u32 v_69w0, v_69w1, v_69w2, v_69w3;
    v_69w0 = scale_46w0;
    v_69w1 = scale_46w0;
    v_69w2 = scale_46w0;
    v_69w3 = scale_46w0;
    u32 v_70w0, v_70w1, v_70w2, v_70w3;
    u32 t95_; mul_f32_to(t95_, v_68w0, v_69w0);
    v_70w0 = t95_;
    u32 t96_; mul_f32_to(t96_, v_68w1, v_69w1);
    v_70w1 = t96_;
    u32 t97_; mul_f32_to(t97_, v_68w2, v_69w2);
    v_70w2 = t97_;
    u32 t98_; mul_f32_to(t98_, v_68w3, v_69w3);
    v_70w3 = t98_;
    const s64 x99_ = (s64)v_56;
    const s64 x100_ = (s64)v_57 + (s64)tid;
    const u64 p101_ = (u64)y_3 + (u64)(x99_ * n_1 + x100_) * 4;
    const bool in102_ = (u64)(x99_) < (u64)rows_0;
    const bool in103_ = (u64)(x100_) < (u64)n_1;
    st_global_4_if(p101_, v_70w0, in102_ && in103_);
    const bool in104_ = (u64)(x100_ + 256) < (u64)n_1;
    st_global_4_if(p101_ + 1024, v_70w1, in102_ && in104_);
    const bool in105_ = (u64)(x100_ + 512) < (u64)n_1;
    st_global_4_if(p101_ + 2048, v_70w2, in102_ && in105_);
    const bool in106_ = (u64)(x100_ + 768) < (u64)n_1;
    st_global_4_if(p101_ + 3072, v_70w3, in102_ && in106_);
  }
}
