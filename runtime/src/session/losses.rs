//! Events that found no room in the buffer: counted by the programs, each for itself, and reported a few times a second.

use bt_abi::manifest::{Manifest, Program};

use crate::load::Loaded;
use crate::maps;

pub struct Losses<'a> {
    loaded: &'a Loaded,
    programs: &'a [Program],
    /// Events of all programs that were reported.
    pub total: u64,
}

impl<'a> Losses<'a> {
    pub fn new(loaded: &'a Loaded, manifest: &'a Manifest) -> Losses<'a> {
        Losses {
            loaded,
            programs: &manifest.programs,
            total: 0,
        }
    }

    /// Events lost since the last look; 0 if there are none.
    pub fn look(&mut self) -> u64 {
        let total: u64 = maps::lost(self.loaded, self.programs.len()).iter().sum();
        let news = total.saturating_sub(self.total);
        self.total = total;
        news
    }

    /// The programs that lost some, and how many.
    pub fn by_program(&self) -> Vec<(&'a Program, u64)> {
        let lost = maps::lost(self.loaded, self.programs.len());
        let mut all: Vec<_> = self.programs.iter().zip(lost).collect();
        all.retain(|(_, lost)| *lost > 0);
        all
    }
}
