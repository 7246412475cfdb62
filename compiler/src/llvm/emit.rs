//! Passes and code generation: module to ELF.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use inkwell::OptimizationLevel;
use inkwell::context::{AsContextRef, Context};
use inkwell::llvm_sys::core::{
    LLVMContextSetDiagnosticHandler, LLVMDisposeMessage, LLVMGetDiagInfoDescription,
    LLVMGetDiagInfoSeverity,
};
use inkwell::llvm_sys::error_handling::LLVMInstallFatalErrorHandler;
use inkwell::llvm_sys::support::LLVMParseCommandLineOptions;
use inkwell::llvm_sys::{LLVMDiagnosticSeverity, prelude::LLVMDiagnosticInfoRef};
use inkwell::module::{FlagBehavior, Module};
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{
    CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine, TargetTriple,
};

/// Not `default<O2>`: on these small functions it takes five times as long for code of the same length.
const PASSES: &str = "default<O0>,function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,dce),globaldce";

/// v3 has 32-bit compares and ALU operations; kernel 5.10 knows it.
const CPU: &str = "v3";

/// The machine that code is made for.
pub struct Machine {
    machine: TargetMachine,
}

impl Machine {
    pub fn new() -> Result<Machine, String> {
        static INITIALIZED: Once = Once::new();
        INITIALIZED.call_once(|| {
            let config = InitializationConfig {
                asm_parser: false,
                disassembler: false,
                ..Default::default()
            };
            Target::initialize_bpf(&config);
        });
        let triple = TargetTriple::create("bpfel");
        let target = Target::from_triple(&triple).map_err(|e| e.to_string())?;
        // Never OptimizationLevel::None: it silently drops relocations.
        let level = OptimizationLevel::Default;
        let machine = target.create_target_machine(
            &triple,
            CPU,
            "",
            level,
            RelocMode::Default,
            CodeModel::Default,
        );
        Ok(Machine {
            machine: machine.ok_or("LLVM has no BPF back end")?,
        })
    }

    /// Keeps blocks in the order in which they were made, in this process from here on.
    ///
    /// Block placement may put a loop's head behind its last block, so that the way back is no jump. Kernels before 6.8 take that for a
    /// loop without end ("back-edge").
    pub fn keep_block_order(&self) {
        static SET: Once = Once::new();
        SET.call_once(|| {
            let arguments = [c"btc".as_ptr(), c"-disable-block-placement".as_ptr()];
            // SAFETY: two strings, as many as said, that outlive the call; the option takes no value.
            unsafe { LLVMParseCommandLineOptions(2, arguments.as_ptr(), c"".as_ptr()) };
        });
    }

    /// An empty module for this machine.
    pub fn module<'c>(&self, cx: &'c Context, name: &str) -> Module<'c> {
        let module = cx.create_module(name);
        module.set_triple(&self.machine.get_triple());
        module.set_data_layout(&self.machine.get_target_data().get_data_layout());
        // Without these LLVM drops the debug info, and BTF with it, in silence.
        let version = |value: u32| cx.i32_type().const_int(u64::from(value), false);
        let debug = inkwell::debug_info::debug_metadata_version();
        module.add_basic_value_flag("Debug Info Version", FlagBehavior::Warning, version(debug));
        module.add_basic_value_flag("Dwarf Version", FlagBehavior::Warning, version(5));
        module
    }

    /// Runs the passes and gives the object, or what the back end complained about.
    ///
    /// Once in a process: the back end's pass for relocations keeps a static table of the globals that it made, which belong to the
    /// first module and are gone with it (`BPFAbstractMemberAccess::GEPGlobals`).
    pub fn emit(&self, cx: &Context, module: &Module) -> Result<Vec<u8>, Vec<String>> {
        static EMITTED: AtomicBool = AtomicBool::new(false);
        if EMITTED.swap(true, Ordering::Relaxed) {
            return Err(vec!["a process can compile one script".to_string()]);
        }
        if let Err(e) = module.verify() {
            return Err(vec![format!("invalid IR: {}", e.to_string())]);
        }
        let complaints = Complaints::collect(cx);
        let options = PassBuilderOptions::create();
        options.set_loop_unrolling(false);
        options.set_loop_vectorization(false);
        options.set_loop_slp_vectorization(false);
        options.set_loop_interleaving(false);
        module
            .run_passes(PASSES, &self.machine, options)
            .map_err(|e| vec![e.to_string()])?;
        let object = self
            .machine
            .write_to_memory_buffer(module, FileType::Object)
            .map_err(|e| vec![e.to_string()])?;
        // After a complaint an object comes out all the same, but a wrong one.
        match complaints.take() {
            list if list.is_empty() => Ok(object.as_slice().to_vec()),
            list => Err(list),
        }
    }
}

type FatalHandler = Box<dyn Fn(&str)>;

thread_local! {
    static FATAL: RefCell<Option<FatalHandler>> = const { RefCell::new(None) };
}

/// Has this called before LLVM ends the process, which it does on errors that it cannot go on after. It should end it itself.
pub fn on_fatal(handler: FatalHandler) {
    FATAL.replace(Some(handler));
    // SAFETY: the handler is a function, which is there for ever.
    unsafe { LLVMInstallFatalErrorHandler(Some(fatal)) };
}

extern "C" fn fatal(reason: *const c_char) {
    // SAFETY: LLVM gives a string that ends with a NUL and outlives the call.
    let reason = unsafe { CStr::from_ptr(reason) }.to_string_lossy();
    if let Some(handler) = FATAL.take() {
        handler(&reason);
    }
}

/// Collects the back end's errors, which would otherwise be printed and end the process.
struct Complaints<'a> {
    cx: &'a Context,
    #[expect(
        clippy::box_collection,
        reason = "LLVM keeps the list's address while this moves"
    )]
    list: Box<Vec<String>>,
}

impl<'a> Complaints<'a> {
    fn collect(cx: &'a Context) -> Complaints<'a> {
        let mut list = Box::<Vec<String>>::default();
        let target: *mut c_void = (&raw mut *list).cast();
        // SAFETY: the list lives in a box that outlives the handler: `drop` takes the handler away first.
        unsafe { LLVMContextSetDiagnosticHandler(cx.as_ctx_ref(), Some(handle), target) };
        Complaints { cx, list }
    }

    fn take(mut self) -> Vec<String> {
        std::mem::take(&mut *self.list)
    }
}

impl Drop for Complaints<'_> {
    fn drop(&mut self) {
        // SAFETY: no handler is a valid handler.
        unsafe {
            LLVMContextSetDiagnosticHandler(self.cx.as_ctx_ref(), None, std::ptr::null_mut())
        };
    }
}

extern "C" fn handle(info: LLVMDiagnosticInfoRef, list: *mut c_void) {
    // SAFETY: LLVM calls this with the pointer that `Complaints::collect` registered, on the same thread, while it is alive.
    unsafe {
        if !matches!(
            LLVMGetDiagInfoSeverity(info),
            LLVMDiagnosticSeverity::LLVMDSError
        ) {
            return;
        }
        let text = LLVMGetDiagInfoDescription(info);
        let list = &mut *list.cast::<Vec<String>>();
        list.push(CStr::from_ptr(text).to_string_lossy().trim().to_string());
        LLVMDisposeMessage(text);
    }
}
