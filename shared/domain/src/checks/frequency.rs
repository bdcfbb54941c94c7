//! Sku, model and policy offer the frequencies that lines ask for.

use super::{Facts, Found, Setting};
use crate::{
    catalog::Sku,
    ids::SkuId,
    placement::{frequency_refusals, listed, pointer},
};

pub(super) fn check(facts: &Facts<'_>, setting: &Setting) -> Found {
    let mut found = Found::default();
    let context = &facts.context;
    for (index, line) in context.order.line_items.iter().enumerate() {
        let Some(frequency) = &line.frequency else { continue };
        let codes = line.item.sku_codes().into_iter();
        let skus: Vec<&Sku> =
            codes.filter_map(|code| context.skus.get(&SkuId::of_code(code))).collect();
        for refusal in frequency_refusals(frequency, &skus, context.model) {
            found.finding("frequency_not_allowed", pointer(index, "frequency"), refusal);
        }
        let offered = setting.frequencies.as_ref();
        if let Some(offered) = offered.filter(|offered| !offered.contains(frequency)) {
            let detail =
                format!("{frequency} is not offered here; offered are: {}", listed(offered));
            found.finding("frequency_not_offered", pointer(index, "frequency"), detail);
        }
    }
    found
}
