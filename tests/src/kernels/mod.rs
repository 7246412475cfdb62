//! Stock Debian kernels in qemu: where they come from ([`packages`]), what boots ([`image`], [`initramfs`]), and the VM ([`vm`]).

pub mod image;
pub mod initramfs;
pub mod packages;
pub mod vm;
