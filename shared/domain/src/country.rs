//! Countries, by the two letters that ISO 3166-1 gives them.

/// The codes that are assigned (ISO 3166-1 alpha-2, 249 of them), in their order.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
    BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ \
    DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP \
    GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG \
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
    MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL \
    SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM \
    US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Whether this is the code of a country, in capitals.
#[must_use]
pub fn is_country(code: &str) -> bool {
    CODES.split(' ').any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_codes_of_two_letters_each_once_and_in_order() {
        let codes: Vec<&str> = CODES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.iter().all(|code| code.len() == 2));
        assert!(codes.is_sorted_by(|one, next| one < next));
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }

    #[test]
    fn countries_are_known_and_what_is_none_is_not() {
        // From the standard: the first and the last, some that are young, and what was never there.
        for code in ["AD", "ZW", "DE", "GB", "US", "SS", "CW", "XK"] {
            assert_eq!(is_country(code), code != "XK", "{code}");
        }
        for code in ["", "de", "D", "DEU", "AD AE", "UK", "EU", "AN", "CS", " DE", "ZZ"] {
            assert!(!is_country(code), "{code:?}");
        }
    }
}
